import { setTimeout as sleep } from 'node:timers/promises';
import { Admin, Consumer } from '@platformatic/kafka';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { openConsumer, type TopicConsumer } from '../../src/kafka/client.ts';
import type { KafkaConfig } from '../../src/kafka/options.ts';
import { TopicReader } from '../../src/kafka/read-topic.ts';
import { type RunningKafka, startKafka } from '../../tools/servers/start.ts';
import { eventually } from '../support/gateway.ts';
import { committedOffsets, createTopic, writeMessages } from '../support/kafka-topic.ts';
import { requestBytes } from '../support/spans.ts';

let kafka: RunningKafka;
beforeAll(async () => {
  kafka = await startKafka({ sessionTimeoutMs: 6_000 });
}, 120_000);
afterAll(() => kafka?.stop());

type Callback = (error: Error | null, answer?: unknown) => void;
type Question = (options: object, callback?: Callback) => Promise<unknown>;

/** From now on such questions of it fail, each after two seconds: longer than a fetch waits for records. */
function fail(consumer: TopicConsumer, question: 'listCommittedOffsets' | 'listOffsets'): void {
  const asked = consumer as unknown as Record<typeof question, Question>;
  asked[question] = (_, callback) => {
    const failed = sleep(2_000).then(() => {
      throw new Error('no answer');
    });
    if (callback !== undefined) failed.catch(callback);
    return failed;
  };
}

/** Reads a topic of four partitions into nowhere. */
function reader(topic: string) {
  const config = {
    ...{ brokers: [kafka.broker], clientId: 'test', topic, group: topic, instance: '', timeoutMs: 3_000 },
    ...{ maxFetchBytes: 1 << 20, commitIntervalMs: 200 },
  } as Partial<KafkaConfig> as KafkaConfig;
  const consumers: TopicConsumer[] = [];
  const told: string[] = [];
  const reader = new TopicReader({
    config,
    open: () => {
      consumers.push(openConsumer(config, ''));
      return consumers.at(-1)!;
    },
    landing: {
      take: () => ({ spans: 1, rejectedSpans: 0, message: '' }),
      lastSequence: 0,
      lowestInUse: Number.POSITIVE_INFINITY,
      seal: () => {},
      isPressed: false,
    },
    setAside: { put: () => {}, settled: async () => true, isBehind: false },
    delivered: async () => true,
    onTrouble: (what) => told.push(what),
    clock: systemClock,
  });
  reader.start();
  return { reader, consumers, told };
}

const partitionsOf = ({ assignments }: Pick<TopicConsumer, 'assignments'>): number =>
  assignments?.flatMap(({ partitions }) => partitions).length ?? 0;

describe('a reader to which partitions come', () => {
  it.each(['listCommittedOffsets', 'listOffsets'] as const)(
    'reads all of them, though its question by %s fails as they come',
    async (question) => {
      const topic = `reassigned-${question}`;
      await createTopic(kafka.broker, topic);
      const { reader: mine, consumers, told } = reader(topic);
      const [first] = consumers as [TopicConsumer];
      await eventually(async () => expect(partitionsOf(first)).toBe(4), 60_000);
      const other = new Consumer({
        ...{ clientId: 'other', groupId: topic, bootstrapBrokers: [kafka.broker] },
        ...{ groupProtocol: 'consumer' as const, autocommit: false },
      });
      await other.consume({ topics: [topic], mode: 'committed', fallbackMode: 'earliest' });
      await eventually(async () => expect([partitionsOf(first), partitionsOf(other)]).toEqual([2, 2]), 60_000);

      const value = requestBytes({ trace: '1' });
      for (let partition = 0; partition < 4; partition++)
        await writeMessages(kafka.broker, topic, partition, [value, value]);
      fail(first, question);
      await other.close(true);
      await eventually(
        async () => expect(await committedOffsets(kafka.broker, topic, topic)).toEqual([2n, 2n, 2n, 2n]),
        60_000,
      );
      expect([mine.stats.connected, new Set(told)]).toEqual([true, new Set(['no answer'])]);
      await mine.finish();
    },
  );
});

it('reads partitions that are added to its topic', async () => {
  const topic = 'reassigned-grows';
  await createTopic(kafka.broker, topic, 1);
  const { reader: mine, consumers, told } = reader(topic);
  await eventually(async () => expect(partitionsOf(consumers[0]!)).toBe(1), 60_000);
  const admin = new Admin({ clientId: 'test', bootstrapBrokers: [kafka.broker] });
  await admin.createPartitions({ topics: [{ name: topic, count: 3 }] });
  await admin.close();
  const value = requestBytes({ trace: '1' });
  for (let partition = 0; partition < 3; partition++)
    await writeMessages(kafka.broker, topic, partition, [value, value]);
  await eventually(
    async () => expect(await committedOffsets(kafka.broker, topic, topic, 3)).toEqual([2n, 2n, 2n]),
    60_000,
  );
  expect([told, consumers.length]).toEqual([[], 1]);
  await mine.finish();
}, 180_000);

it('can be stopped while it joins its group, and is no member then', async () => {
  const topic = 'reassigned-stopped';
  await createTopic(kafka.broker, topic, 1);
  for (const waitMs of [0, 5, 20, 80]) {
    const { reader: mine, consumers, told } = reader(topic);
    await sleep(waitMs);
    await mine.finish();
    expect([consumers[0]!.isActive(), told]).toEqual([false, []]);
  }
}, 180_000);
