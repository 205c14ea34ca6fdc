import { setImmediate as turn } from 'node:timers/promises';
import { MultipleErrors, NetworkError, ProtocolError } from '@platformatic/kafka';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Refusal } from '../../src/errors.ts';
import type { TopicConsumer } from '../../src/kafka/client.ts';
import type { KafkaConfig } from '../../src/kafka/options.ts';
import { TopicReader } from '../../src/kafka/read-topic.ts';
import { HandConsumer } from '../support/hand-consumer.ts';

const commitIntervalMs = 1_000;

/** A reader, and a buffer in which everything that landed is decided at once. */
function story(joining = Promise.resolve(), timeoutMs = 10_000) {
  vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval', 'Date'] });
  const consumers: HandConsumer[] = [];
  const told: string[] = [];
  const aside = { isSettled: true, offsets: [] as bigint[] };
  const buffer = { isFull: false, isPressed: false, landed: 0, sequence: -1 };
  const reader = new TopicReader({
    config: { topic: 't', commitIntervalMs, timeoutMs } as KafkaConfig,
    open: () => {
      consumers.push(new HandConsumer(joining));
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
      get isPressed() {
        return buffer.isPressed;
      },
    },
    setAside: {
      put: ({ offset }) => void aside.offsets.push(offset),
      settled: async () => aside.isSettled,
      isBehind: false,
    },
    delivered: () => Promise.resolve(true),
    onTrouble: (what) => told.push(what),
    clock: { monotonicMs: Date.now, unixMs: Date.now },
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

  it('is a new member, where its epoch is fenced, and the library does not see it behind an answer that was lost', async () => {
    const { consumers } = story();
    await after(0);
    const errors = [new NetworkError('Connection closed'), new ProtocolError('FENCED_MEMBER_EPOCH')];
    const error = new MultipleErrors('consumerGroupHeartbeat failed 2 times.', errors);
    consumers[0]!.emit('consumer:heartbeat:error', { error });
    await after(commitIntervalMs);
    expect([consumers.length, consumers[0]!.isClosed]).toEqual([2, true]);
  });

  it('is a new member, though the earlier one cannot leave', async () => {
    const { reader, consumers } = story();
    await after(0);
    consumers[0]!.closing = new Promise(() => {});
    consumers[0]!.emit('consumer:heartbeat:error', { error: gone() });
    await after(8_000);
    expect(consumers.length).toBe(1);
    await after(4_000);
    expect([consumers.length, reader.stats.connected]).toEqual([2, true]);
  });
});

describe('a member that is closed while it joins', () => {
  const joins = async () => {
    const { promise: joining, resolve } = Promise.withResolvers<void>();
    const reading = story(joining);
    await after(0);
    return { ...reading, first: reading.consumers[0]!, resolve };
  };

  it('leaves when it has joined: the library ends the process where it is closed meanwhile', async () => {
    const { reader, first, resolve } = await joins();
    const finished = reader.finish();
    await after(0);
    expect(first.isClosed).toBe(false);
    resolve();
    await finished;
    expect([first.isClosed, first.stream.destroyed]).toEqual([true, true]);
  });

  it('is replaced though it never joins, and reads nothing when it does after all', async () => {
    const { reader, consumers, first, resolve } = await joins();
    first.emit('consumer:heartbeat:error', { error: new ProtocolError('UNKNOWN_MEMBER_ID') });
    await after(12_000);
    expect([consumers.length, first.isClosed]).toEqual([2, false]);
    resolve();
    await after(0);
    expect([first.isClosed, first.streams.length, first.stream.destroyed]).toEqual([true, 1, true]);
    consumers[1]!.bring(0, 1);
    await after(commitIntervalMs);
    expect([reader.stats.messages, consumers[1]!.commits]).toEqual([2, [2n]]);
  });
});

describe('a reader of a log that does not hold what is to be read next', () => {
  it('reads what there is, and says so, where it ends before that', async () => {
    const { reader, consumers, told } = story();
    await after(0);
    const [consumer] = consumers as [HandConsumer];
    consumer.bring(0, 1, 2, 3);
    await after(commitIntervalMs);
    // A broker that was behind leads now, or the topic was made anew.
    consumer.stream.goTo(0, 0);
    consumer.bring(0, 1);
    await after(commitIntervalMs);
    consumer.bring(2, 2, 0, 3);
    await after(commitIntervalMs);
    expect(consumer.commits).toEqual([4n, 2n, 4n]);
    expect(reader.stats.messages).toBe(8);
    expect(told).toEqual(['partition 0 ends before offset 4: it is read from offset 0 on, where it begins']);
  });

  it('takes what it had fetched before that', async () => {
    const { reader, consumers } = story();
    await after(0);
    const [consumer] = consumers as [HandConsumer];
    consumer.stream.pause();
    consumer.bring(0, 1, 2);
    consumer.bring(0, 1);
    consumer.stream.offsetsToFetch.set('t:0', 3n);
    consumer.stream.resume();
    await after(0);
    consumer.stream.goTo(0, 0);
    consumer.bring(0, 1);
    await after(commitIntervalMs);
    expect([reader.stats.messages, consumer.commits]).toEqual([5, [2n]]);
  });

  it('takes no other assignments for that, before it knows of them', async () => {
    const { consumers, told } = story();
    await after(0);
    const [consumer] = consumers as [HandConsumer];
    consumer.assignments = [{ topic: 't', partitions: [0, 1] }];
    // Fetched up to there, and not come yet.
    consumer.stream.goTo(0, 9);
    expect(told).toEqual([]);
  });

  it('counts it as standing still where nothing comes after that', async () => {
    const { consumers, told } = story();
    await after(0);
    const [consumer] = consumers as [HandConsumer];
    consumer.bring(0, 1, 2, 3);
    await after(commitIntervalMs);
    consumer.stream.goTo(0, 0);
    consumer.ends = [2n];
    await after(45_000);
    expect(told.at(-1)).toMatch(/^nothing comes of partition 0 from offset 0, and it goes on to 2/);
  });

  it('says what was deleted before it came', async () => {
    const { consumers, told } = story();
    await after(0);
    const [consumer] = consumers as [HandConsumer];
    consumer.stream.goTo(0, 700);
    consumer.bring(700);
    await after(commitIntervalMs);
    expect(consumer.commits).toEqual([701n]);
    expect(told).toEqual([
      'partition 0 has lost what lay from offset 0 on: it is read from offset 700 on, where it begins',
    ]);
  });
});

describe('a reader whose buffer is full', () => {
  it('reads on when it is no more, though it was while it joined', async () => {
    const { promise: joining, resolve } = Promise.withResolvers<void>();
    const { reader, consumers, buffer } = story(joining);
    buffer.isPressed = true;
    await after(commitIntervalMs);
    expect(reader.stats.paused).toBe(true);
    resolve();
    buffer.isPressed = false;
    await after(commitIntervalMs);
    consumers[0]!.bring(0, 1);
    await after(commitIntervalMs);
    expect(reader.stats).toMatchObject({ messages: 2, paused: false });
  });

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

describe('a reader whose partitions change', () => {
  it('takes nothing more of one that went, and commits nothing behind what it let go of it', async () => {
    const { reader, consumers } = story();
    await after(0);
    const [consumer] = consumers as [HandConsumer];
    consumer.bring(0, 1, 2);
    consumer.assign(1);
    await after(0);
    // The answer to a fetch from before. With it, whoever has the partition now would go on at 4.
    consumer.streams[0]!.bring(0, 3);
    await after(commitIntervalMs);
    await after(commitIntervalMs);
    expect([consumer.commits, reader.stats.messages]).toEqual([[], 3]);
  });

  it('goes on where it is with those that it keeps, and asks for those that came', async () => {
    const { reader, consumers } = story();
    await after(0);
    const [consumer] = consumers as [HandConsumer];
    consumer.bring(0, 1, 2);
    await after(0);
    const before = consumer.stream;
    consumer.committed = [0n, 7n, -1n];
    consumer.assign(0, 1, 2);
    await after(0);
    expect(consumer.stream.from).toEqual(
      new Map([
        [0, 3n],
        [1, 7n],
      ]),
    );
    expect(before.destroyed).toBe(true);
    consumer.bring(3);
    consumer.stream.bring(1, 7);
    consumer.stream.bring(2, 40);
    await after(commitIntervalMs);
    expect(consumer.commits).toEqual([4n, 8n, 41n]);
    expect(reader.stats.messages).toBe(6);
  });

  it('takes nothing that the stream of before brings of a partition that went and came back', async () => {
    const { consumers } = story();
    await after(0);
    const [consumer] = consumers as [HandConsumer];
    consumer.bring(0, 1);
    await after(commitIntervalMs);
    const before = consumer.stream;
    consumer.assign();
    consumer.asking = [];
    consumer.assign(0);
    await after(0);
    // Fetched before the partition went: another member may have died with what lies below.
    before.bring(0, 2, 3);
    await after(0);
    consumer.asking[0]!.resolve([2n]);
    await after(0);
    expect(consumer.stream.from).toEqual(new Map([[0, 2n]]));
    consumer.bring(2);
    await after(commitIntervalMs);
    expect(consumer.commits).toEqual([2n, 3n]);
  });

  it('fetches nothing of them by what was known of the topic before: the library ends the process at partitions that were added', async () => {
    const { consumers } = story();
    await after(0);
    const [consumer] = consumers as [HandConsumer];
    const before = consumer.stream;
    consumer.isMetadataKept = true;
    consumer.assign(0, 1);
    expect([before.destroyed, consumer.isMetadataKept]).toEqual([true, false]);
  });

  it('is a new member where the topic was made anew: what it knew of offsets is of another', async () => {
    const { consumers, told } = story();
    await after(0);
    const [consumer] = consumers as [HandConsumer];
    consumer.bring(0, 1, 2);
    await after(commitIntervalMs);
    // The library knows no name for its id.
    consumer.assignments = [{ topic: undefined, partitions: [0] }];
    consumer.emit('consumer:heartbeat:end');
    await after(commitIntervalMs);
    expect([told, consumer.isClosed, consumers.length]).toEqual([['topic t was made anew'], true, 2]);
    consumers[1]!.bring(0, 1);
    await after(commitIntervalMs);
    expect(consumers[1]!.commits).toEqual([2n]);
  });

  it('reads the last ones, in whatever order what is committed is said', async () => {
    const { consumers } = story();
    await after(0);
    const [consumer] = consumers as [HandConsumer];
    consumer.asking = [];
    consumer.assign(0, 1);
    await after(0);
    consumer.assign(0, 2);
    await after(0);
    consumer.asking[1]!.resolve([0n, 0n, 9n]);
    await after(0);
    consumer.asking[0]!.resolve([0n, 5n]);
    await after(0);
    expect([...consumer.stream.from]).toEqual([
      [0, 0n],
      [2, 9n],
    ]);
  });

  it('is a new member where nobody says what is committed', async () => {
    const { reader, consumers, told } = story();
    await after(0);
    const [consumer] = consumers as [HandConsumer];
    consumer.asking = [];
    consumer.assign(0, 1);
    await after(0);
    consumer.asking[0]!.reject(new Error('no answer'));
    await after(commitIntervalMs);
    expect([told, consumer.isClosed, consumers.length, reader.stats.connected]).toEqual([['no answer'], true, 2, true]);
  });

  it('is one, too, where it never hears of it', async () => {
    const { reader, consumers, told } = story();
    await after(0);
    const [consumer] = consumers as [HandConsumer];
    consumer.asking = [];
    consumer.assign(0, 1);
    await after(45_000);
    expect(told).toEqual([
      'nobody says from where partition 1 is to be read, for 30 s: reading again from what is committed',
    ]);
    expect([consumers.length, reader.stats.standstills, reader.stats.connected]).toEqual([2, 1, true]);
  });
});

it('says no lag of partitions that are not its own when it comes back', async () => {
  const { reader, consumers } = story();
  await after(0);
  const [first] = consumers as [HandConsumer];
  first.assign(0, 1);
  await after(0);
  first.stream.bring(0, 0);
  first.stream.bring(1, 0);
  first.ends = [5n, 9n];
  await after(6_000);
  expect(Object.keys(reader.stats.lag)).toEqual(['0', '1']);
  first.emit('consumer:heartbeat:error', { error: new ProtocolError('UNKNOWN_MEMBER_ID') });
  await after(2_000);
  consumers[1]!.bring(0);
  await after(6_000);
  expect(Object.keys(reader.stats.lag)).toEqual(['0']);
});

describe('a reader to which nothing comes', () => {
  it('is a new member where there is more, and says so', async () => {
    const { reader, consumers, told } = story();
    await after(0);
    const [consumer] = consumers as [HandConsumer];
    consumer.bring(0, 1);
    consumer.ends = [5n];
    await after(29_000);
    expect(consumers.length).toBe(1);
    await after(12_000);
    expect(told).toEqual([
      'nothing comes of partition 0 from offset 2, and it goes on to 5, for 30 s: reading again from what is committed',
    ]);
    expect([consumers.length, reader.stats.standstills, reader.stats.connected]).toEqual([2, 1, true]);
  });

  it('reads again less and less often where that helps nothing, until something is committed', async () => {
    const { consumers, told } = story();
    const passes = async (seconds: number, ...offsets: number[]) => {
      for (let at = 0; at < seconds; at += 5) {
        consumers.at(-1)!.ends = [5n];
        consumers.at(-1)!.bring(...offsets);
        consumers.at(-1)!.emit('consumer:heartbeat:end');
        await after(5_000);
      }
      return told.map((what) => /for (\d+) s/.exec(what)![1]);
    };
    await after(0);
    expect(await passes(120)).toEqual(['30', '60']);
    expect(await passes(140)).toEqual(['30', '60', '120']);
    expect(await passes(40, 0, 1)).toEqual(['30', '60', '120', '30']);
  });

  it('gives brokers as long as they may take for one answer', async () => {
    const { consumers, told } = story(undefined, 60_000);
    await after(0);
    const [consumer] = consumers as [HandConsumer];
    consumer.ends = [5n];
    const passes = async (seconds: number) => {
      for (let at = 0; at < seconds; at += 5) {
        consumer.emit('consumer:heartbeat:end');
        await after(5_000);
      }
    };
    await passes(120);
    expect(told).toEqual([]);
    await passes(15);
    expect(told).toEqual([
      'nothing comes of partition 0 from offset 0, and it goes on to 5, for 125 s: reading again from what is committed',
    ]);
  });

  it('gives one partition more time while others go on', async () => {
    const { consumers, told } = story();
    await after(0);
    const [consumer] = consumers as [HandConsumer];
    consumer.assign(0, 1);
    consumer.ends = [9n, 1_000n];
    const passes = async (from: number, seconds: number) => {
      for (let at = from; at < from + seconds; at++) {
        consumer.emit('consumer:heartbeat:end');
        consumer.stream.bring(1, at);
        await after(1_000);
      }
    };
    await passes(0, 110);
    expect(told).toEqual([]);
    await passes(110, 20);
    expect(told).toEqual([
      'nothing comes of partition 0 from offset 0, and it goes on to 9, for 120 s: reading again from what is committed',
    ]);
  });

  it('waits where there is nothing, or only the marks of transactions, or where it pauses itself', async () => {
    const { reader, consumers, buffer } = story();
    await after(0);
    const [consumer] = consumers as [HandConsumer];
    const passes = async () => {
      consumer.emit('consumer:heartbeat:end');
      await after(50_000);
      expect([consumers.length, reader.stats.standstills]).toEqual([1, 0]);
    };
    consumer.bring(0, 1);
    consumer.ends = [2n];
    await passes();
    consumer.ends = [3n];
    consumer.stream.offsetsToFetch.set('t:0', 3n);
    await passes();
    buffer.isFull = true;
    consumer.bring(3);
    consumer.ends = [9n];
    await passes();
    expect(reader.stats.paused).toBe(true);
  });

  it('is a new member where the coordinator, or the brokers that it asks, are silent', async () => {
    const { consumers, told } = story();
    await after(0);
    await after(75_000);
    expect(told).toEqual(['the coordinator of the group says nothing, for 60 s: reading again from what is committed']);
    const second = consumers.at(-1)!;
    second.listOffsets = () => new Promise(() => {});
    for (let i = 0; i < 16; i++) {
      second.emit('consumer:heartbeat:end');
      await after(5_000);
    }
    expect(told[1]).toBe('no broker says where the topic ends, for 60 s: reading again from what is committed');
    expect(consumers.length).toBe(3);
  });
});
