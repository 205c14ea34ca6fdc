import { EventEmitter } from 'node:events';
import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { ProtocolError } from '@platformatic/kafka';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Refusal } from '../../src/errors.ts';
import type { TopicConsumer } from '../../src/kafka/client.ts';
import type { KafkaConfig } from '../../src/kafka/options.ts';
import { TopicReader } from '../../src/kafka/read-topic.ts';
import { requestBytes } from '../support/spans.ts';

/** A consumer as the library has it, whose broker does what the story says. */
class HandConsumer extends EventEmitter {
  readonly stream = new Readable({ objectMode: true, highWaterMark: 64, read: () => {} });
  assignments = [{ topic: 't', partitions: [0] }];
  readonly commits: bigint[] = [];
  refusal: Error | undefined;
  isClosed = false;

  consume = (): Promise<Readable> => Promise.resolve(this.stream);

  commit({ offsets }: { offsets: { offset: bigint }[] }): Promise<void> {
    if (this.refusal !== undefined) return Promise.reject(this.refusal);
    this.commits.push(...offsets.map(({ offset }) => offset));
    return Promise.resolve();
  }

  listOffsets = (): Promise<Map<string, bigint[]>> => Promise.resolve(new Map([['t', [0n]]]));

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }

  bring(...offsets: number[]): void {
    for (const offset of offsets)
      this.stream.push({
        partition: 0,
        offset: BigInt(offset),
        value: Buffer.from(requestBytes({ trace: `${offset}` })),
      });
  }
}

const commitIntervalMs = 1_000;

/** A reader, and a buffer in which everything that landed is decided at once. */
function story() {
  vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval'] });
  const consumers: HandConsumer[] = [];
  const told: string[] = [];
  const aside = { isSettled: true, offsets: [] as bigint[] };
  const buffer = { isFull: false, landed: 0, sequence: -1 };
  const reader = new TopicReader({
    config: { topic: 't', commitIntervalMs } as KafkaConfig,
    open: () => {
      consumers.push(new HandConsumer());
      return consumers.at(-1) as unknown as TopicConsumer;
    },
    landing: {
      take: ({ length }) => {
        if (buffer.isFull) return new Refusal('buffer_full', 'full');
        buffer.landed++;
        buffer.sequence++;
        return { spans: length, rejectedSpans: 0, message: '' };
      },
      get lastSequence() {
        return buffer.sequence;
      },
      lowestInUse: Number.POSITIVE_INFINITY,
      seal: () => {},
      isPressed: false,
    },
    setAside: {
      put: ({ offset }) => void aside.offsets.push(offset),
      settled: async () => aside.isSettled,
      isBehind: false,
    },
    delivered: () => Promise.resolve(true),
    onTrouble: (what) => told.push(what),
    clock: { monotonicMs: () => 0, unixMs: () => 0 },
  });
  reader.start();
  return { reader, consumers, told, buffer, aside };
}

/** All that is to happen by then has. */
async function after(ms: number): Promise<void> {
  for (let i = 0; i < 5; i++) await turn();
  await vi.advanceTimersByTimeAsync(ms);
  for (let i = 0; i < 5; i++) await turn();
}

afterEach(() => vi.useRealTimers());

it('commits nothing behind a record that is not where it is set aside, and does not read it again for that', async () => {
  const { reader, consumers, aside } = story();
  await after(0);
  const [consumer] = consumers as [HandConsumer];
  aside.isSettled = false;
  consumer.bring(0, 1);
  consumer.stream.emit('data', { partition: 0, offset: 2n, value: Buffer.from('no request') });
  consumer.bring(3, 3);
  await after(commitIntervalMs);
  await after(commitIntervalMs);
  expect(consumer.commits).toEqual([]);
  aside.isSettled = true;
  await after(commitIntervalMs);
  expect(consumer.commits).toEqual([4n]);
  expect(aside.offsets).toEqual([2n]);
  expect(consumers).toHaveLength(1);
  expect(reader.stats).toMatchObject({ poison: 1, commits: 1, rewinds: 0 });
});

describe('a reader whose member the group has given up', () => {
  const gone = () => new ProtocolError('UNKNOWN_MEMBER_ID');

  it('is a new member, where a commit is answered so', async () => {
    const { reader, consumers } = story();
    await after(0);
    const [first] = consumers as [HandConsumer];
    first.refusal = gone();
    first.bring(0, 1);
    await after(commitIntervalMs);
    await after(commitIntervalMs);
    expect(first.isClosed).toBe(true);
    expect(consumers.length).toBe(2);
    consumers[1]!.bring(0, 1);
    await after(commitIntervalMs);
    expect(consumers[1]!.commits).toEqual([2n]);
    expect(reader.stats).toMatchObject({ failedCommits: 1, commits: 1, connected: true });
  });

  it('is a new member, where a heartbeat is', async () => {
    const { consumers } = story();
    await after(0);
    consumers[0]!.emit('consumer:heartbeat:error', { error: new ProtocolError('COORDINATOR_NOT_AVAILABLE') });
    await after(commitIntervalMs);
    expect(consumers.length).toBe(1);
    consumers[0]!.emit('consumer:heartbeat:error', { error: gone() });
    await after(commitIntervalMs);
    expect([consumers.length, consumers[0]!.isClosed]).toEqual([2, true]);
  });
});

describe('a reader whose buffer is full', () => {
  it('takes nothing more in, though the library goes on reading behind a rebalance', async () => {
    const { reader, consumers, buffer } = story();
    await after(0);
    buffer.isFull = true;
    const [{ stream }] = consumers as [HandConsumer];
    consumers[0]!.bring(0);
    await after(100);
    expect([reader.stats.paused, stream.isPaused()]).toEqual([true, true]);
    stream.resume();
    for (let offset = 1; offset <= 50; offset++) {
      consumers[0]!.bring(offset);
      await after(20);
    }
    expect(stream.isPaused()).toBe(true);
    expect(reader.stats.messages).toBeLessThan(10);
    buffer.isFull = false;
    await after(100);
    expect([reader.stats.messages, reader.stats.paused]).toEqual([51, false]);
  });
});
