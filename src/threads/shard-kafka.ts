import { randomInt } from 'node:crypto';
import { systemClock } from '../clock.ts';
import type { Refusal } from '../errors.ts';
import { openConsumer, openWriter } from '../kafka/client.ts';
import { DeadLetters } from '../kafka/dead-letters.ts';
import type { KafkaConfig } from '../kafka/options.ts';
import { Outbox } from '../kafka/outbox.ts';
import { ProduceIntake } from '../kafka/produce-intake.ts';
import { TopicReader } from '../kafka/read-topic.ts';
import { type Poison, type SetAside, SetAsideFiles } from '../kafka/set-aside.ts';
import { TraceSplitter } from '../kafka/split.ts';
import type { Receipt } from '../model/intake.ts';
import type { KafkaStats } from '../model/stats.ts';
import type { Pipeline } from '../pipeline.ts';
import { leftOut } from '../receive/refused.ts';
import type { RefusedAt } from './refusals.ts';
import type { ShardConfig, ShardEvents } from './shards.ts';

/** A shard's place among others, and whom it tells and asks. */
interface Place {
  readonly self: number;
  readonly shards: number;
  readonly delivered: ShardEvents['delivered'];
  readonly tell: ShardEvents['kafka'];
  readonly refused: (refused: RefusedAt) => void;
}

/** `oldest_early`: what waits for Kafka to be read loses nothing, what waits here would. */
const pausesAtRung = 2;

/** What a shard has to do with a Kafka topic: it writes what it receives to it, or is a member of the group that reads it. */
export class ShardKafka {
  /** Where requests go that others decide; undefined where they are decided here. */
  readonly intake: ProduceIntake | undefined;
  readonly #outbox: Outbox | undefined;
  readonly #reader: TopicReader | undefined;
  readonly #deadLetters: DeadLetters | undefined;

  constructor(shard: ShardConfig, config: KafkaConfig, pipeline: Pipeline, place: Place) {
    if (config.role !== 'consume') {
      const { receive } = shard;
      const maxBytes = Math.floor(config.maxBytes / place.shards);
      const { topic, maxRecordBytes, timeoutMs } = config;
      const onTrouble = (why: string) =>
        place.tell('warn', { topic }, `the brokers do not take what is received: ${why}`);
      const bounds = { maxBytes, maxBatchBytes: maxRecordBytes, timeoutMs };
      this.#outbox = new Outbox({ topic, ...bounds, onTrouble }, openWriter(config));
      // One of the shards is enough to say that they are away.
      if (place.self === 0) void this.#outbox.probe();
      const limits = {
        maxEnvelopeBytes: receive.maxEnvelopeBytes,
        maxSpanBytes: receive.maxSpanBytes,
        maxRecordBytes,
        maxBytes,
      };
      const splitter = new TraceSplitter(limits, randomInt(2 ** 31));
      this.intake = new ProduceIntake(splitter, this.#outbox, maxBytes, (produced) => pipeline.produced(produced));
    }
    if (config.role === 'produce') return;
    const files = new SetAsideFiles(config.setAsideDirectory, (poison, file) => tellAside(place, poison, { file }));
    this.#deadLetters = openDeadLetters(config, files, place);
    this.#reader = openReader(config, pipeline, this.#deadLetters ?? files, place);
  }

  startReading(): void {
    this.#reader?.start();
  }

  stopReading(): void {
    this.#reader?.stop();
  }

  /** Behind the receivers' end: nobody waits for brokers any more. */
  async closeWriting(): Promise<void> {
    this.intake?.close();
    await this.#outbox?.close().catch(() => {});
  }

  async finishReading(): Promise<void> {
    await this.#reader?.finish();
    await this.#deadLetters?.close();
  }

  end(): void {
    this.#reader?.stop();
  }

  get stats(): KafkaStats {
    const written = this.#outbox?.stats;
    const read = this.#reader?.stats;
    return { ...(written && { written: { ...written } }), ...(read && { read: { ...read, lag: { ...read.lag } } }) };
  }
}

function tellAside({ tell }: Place, { topic, partition, offset, why }: Poison, where: Record<string, string>): void {
  const fields = { topic, partition, offset: String(offset), ...where };
  tell('error', fields, `a record that cannot be read was set aside: ${why}`);
}

function openDeadLetters(config: KafkaConfig, tooLarge: SetAside, place: Place): DeadLetters | undefined {
  const { deadLetterTopic: topic, maxRecordBytes, timeoutMs } = config;
  if (topic === undefined) return undefined;
  const onTrouble = (why: string) => place.tell('warn', { topic }, `the brokers do not take what is set aside: ${why}`);
  const onWritten = (poison: Poison) => tellAside(place, poison, { deadLetterTopic: topic });
  const options = { topic, maxRecordBytes, timeoutMs, tooLarge, onWritten, onTrouble };
  const letters = new DeadLetters(options, openWriter({ ...config, topic }));
  // One of the shards is enough to say that it is not there.
  if (place.self === 0) void letters.probe();
  return letters;
}

function openReader(
  config: KafkaConfig,
  pipeline: Pipeline,
  setAside: SetAside,
  { self, delivered, tell, refused }: Place,
): TopicReader {
  const { buffer, overload } = pipeline.shard;
  const { segments } = buffer;
  return new TopicReader({
    config,
    open: () => openConsumer(config, `-${self}`),
    landing: {
      take: (message) => toldOf(pipeline.accept(message, 'kafka'), config.topic, refused),
      get lastSequence() {
        return segments.lastSequence;
      },
      get lowestInUse() {
        return segments.lowestInUse;
      },
      seal: () => segments.seal(),
      get isPressed() {
        return overload.ladder.rung >= pausesAtRung;
      },
    },
    setAside,
    delivered: () => delivered(self),
    onTrouble: (why) => tell('warn', { topic: config.topic }, `reading is held up, and tried again: ${why}`),
    clock: systemClock,
  });
}

/** Whoever wrote a record to the topic hears nothing of spans that are left out of it: whoever runs the gateway does. */
export function toldOf(answer: Receipt | Refusal, topic: string, tell: Place['refused']): Receipt | Refusal {
  const left = leftOut(answer);
  const where = { port: 'kafka', what: 'request', tenant: '', peer: undefined } as const;
  if (left !== undefined) tell({ ...left, message: `topic ${topic}: ${left.message}`, ...where });
  return answer;
}
