import { readFileSync } from 'node:fs';
import { type BaseOptions, Consumer, findErrorBy, Producer, type ProducerOptions } from '@platformatic/kafka';
import { UsageError } from '../errors.ts';
import { complaintOf } from './complaint.ts';
import type { KafkaConfig, KafkaConnection } from './options.ts';
import { boundUnpacking } from './unpacking.ts';

/** Of what fails for a passing reason, such as a partition whose leader has moved; whoever sends tries again, too. */
const retries = 3;
const retryDelayMs = 250;
const connectTimeoutMs = 5_000;

/** How long a broker has for one answer, whatever it is asked. */
export const longestAnswerMs = (timeoutMs: number): number => 2 * timeoutMs;

/** The one file that knows the library. Throws UsageError where a PEM file cannot be read. */
function baseOptions({ brokers, clientId, tls, sasl, timeoutMs }: KafkaConnection): BaseOptions {
  return {
    clientId,
    bootstrapBrokers: [...brokers],
    timeout: timeoutMs,
    connectTimeout: Math.min(connectTimeoutMs, timeoutMs),
    requestTimeout: longestAnswerMs(timeoutMs),
    retries,
    retryDelay: retryDelayMs,
    ...(tls && {
      tls: {
        ...(tls.caFile && { ca: readPem(tls.caFile) }),
        ...(tls.certFile && { cert: readPem(tls.certFile) }),
        ...(tls.keyFile && { key: readPem(tls.keyFile) }),
      },
    }),
    ...(sasl && { sasl: { ...sasl } }),
  };
}

function readPem(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new UsageError(`kafka.tls: cannot read ${file}: ${(error as Error).message}`);
  }
}

function inWords(error: Error): never {
  throw new Error(complaintOf(error), { cause: error });
}

/** By name, as records have them. */
export type RecordHeaders = Map<Buffer, Buffer>;

/** A record on its way: the library adds to it what it needs. */
export interface Outgoing {
  readonly topic: string;
  readonly partition: number;
  readonly key?: Buffer;
  readonly value: Buffer;
  readonly headers?: RecordHeaders;
}

/** What an outbox needs of brokers. */
export interface RecordWriter {
  /** How many partitions the topic has. */
  partitions(): Promise<number>;
  /** Resolves when all replicas that are in sync have all of the records. */
  write(records: Outgoing[]): Promise<void>;
  close(): Promise<void>;
}

export function openWriter(connection: KafkaConnection): RecordWriter {
  const { topic, compression } = connection;
  const options: ProducerOptions<Buffer, Buffer, Buffer, Buffer> = {
    ...baseOptions(connection),
    acks: -1,
    compression,
  };
  const producer = new Producer(options);
  // What fails is told to whoever asked; without a listener it would end the process.
  producer.on('error' as never, (() => {}) as never);
  return {
    partitions: async () => {
      const { topics } = await producer.metadata({ topics: [topic] }).catch(inWords);
      return topics.get(topic)!.partitionsCount;
    },
    write: async (messages) => {
      await producer.send({ messages, acks: -1 }).catch(inWords);
    },
    close: () => producer.close(true),
  };
}

/** Brokers never take it as it is. */
export const isTooLarge = (error: Error): boolean =>
  ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'].some(
    (apiId) => findErrorBy((error.cause ?? error) as Error, 'apiId', apiId) !== null,
  );

export type TopicConsumer = Consumer<Buffer, Buffer, Buffer, Buffer>;

/** `member`: names this member among those of one gateway. */
export function openConsumer(config: KafkaConfig, member: string): TopicConsumer {
  const { group, instance, maxFetchBytes } = config;
  boundUnpacking(maxFetchBytes);
  const options = {
    ...baseOptions(config),
    groupId: group,
    groupProtocol: 'consumer' as const,
    ...(instance !== '' && { groupInstanceId: `${instance}${member}` }),
    autocommit: false,
    maxBytes: 8 * maxFetchBytes,
    maxBytesPerPartition: maxFetchBytes,
    maxWaitTime: 500,
    minBytes: 1,
  };
  return new Consumer(options as ConstructorParameters<typeof Consumer<Buffer, Buffer, Buffer, Buffer>>[0]);
}
