import { ProtocolError } from '@platformatic/kafka';
import { expect, it } from 'vitest';
import type { Outgoing } from '../../src/kafka/client.ts';
import { DeadLetters } from '../../src/kafka/dead-letters.ts';
import type { Poison } from '../../src/kafka/set-aside.ts';

const poison = (offset: number, value = `record ${offset}`, partition = 5): Poison => {
  return {
    topic: 'spans',
    partition,
    offset: BigInt(offset),
    key: Buffer.from('k'),
    value: Buffer.from(value),
    why: 'no request',
  };
};

/** A topic with two partitions, and brokers that refuse as they are told to. */
function story(maxRecordBytes = 10_000) {
  const written: Outgoing[][] = [];
  const brokers = { refusal: undefined as Error | undefined, maxBytes: Number.POSITIVE_INFINITY, isClosed: false };
  const told: string[] = [];
  const aside: string[] = [];
  const files = {
    put: ({ offset }: Poison) => void aside.push(`${offset}`),
    isBehind: false,
    settled: async () => true,
  };
  const letters = new DeadLetters(
    {
      topic: 'dead',
      maxRecordBytes,
      timeoutMs: 100,
      retryMs: 10,
      tooLarge: files,
      onWritten: ({ offset }) => told.push(`${offset}`),
      onTrouble: (why) => told.push(why),
    },
    {
      partitions: async () => 2,
      write: async (records) => {
        if (brokers.refusal) throw brokers.refusal;
        const cause = new ProtocolError('MESSAGE_TOO_LARGE');
        if (records.some(({ value }) => value.length > brokers.maxBytes)) throw new Error('too large', { cause });
        written.push(records);
      },
      close: async () => {
        brokers.isClosed = true;
      },
    },
  );
  return { letters, brokers, written, told, aside };
}

it('a record goes there as it came, and says where it stood and what is wrong', async () => {
  const { letters, written, told } = story();
  const { value, ...rest } = poison(7);
  const lent = Buffer.from(value);
  letters.put({ ...rest, value: lent });
  // What it was fetched with is written over.
  lent.fill(0);
  expect(await letters.settled()).toBe(true);
  const [[{ headers, ...record }]] = written;
  expect(record).toEqual({ topic: 'dead', partition: 1, key: Buffer.from('k'), value });
  expect(Object.fromEntries([...headers!].map(([name, text]) => [`${name}`, `${text}`]))).toEqual({
    'tailgate.topic': 'spans',
    'tailgate.partition': '5',
    'tailgate.offset': '7',
    'tailgate.reason': 'no request',
  });
  expect(told).toEqual(['7']);
});

it('where brokers are away it waits for them, says so, and nothing behind it is over', async () => {
  const { letters, brokers, written, told } = story();
  brokers.refusal = new Error('nobody listens there');
  for (let n = 1; n <= 3; n++) letters.put(poison(n));
  expect(await letters.settled()).toBe(false);
  expect(new Set(told)).toEqual(new Set(['nobody listens there']));
  brokers.refusal = undefined;
  letters.put(poison(4));
  while (!(await letters.settled()));
  expect(written.flat().map(({ value }) => `${value}`)).toEqual([1, 2, 3, 4].map((n) => `record ${n}`));
});

it('what it takes never goes to a file, and the others do not wait for it', async () => {
  const { letters, brokers, written, aside } = story();
  brokers.maxBytes = 1_000;
  for (const [n, bytes] of [10, 2_000, 20, 20_000].entries()) letters.put(poison(n, 'x'.repeat(bytes)));
  expect(await letters.settled()).toBe(true);
  expect(aside.sort()).toEqual(['1', '3']);
  expect(written.flat().map(({ value }) => value.length)).toEqual([10, 20]);
});

it('holds so much and says then that nothing more is to be read, and ends with what it holds', async () => {
  const { letters, brokers, told } = story(8 << 20);
  brokers.refusal = new Error('away');
  for (let n = 0; n < 3; n++) letters.put(poison(n, 'x'.repeat(6 << 20)));
  expect(letters.isBehind).toBe(true);
  await letters.close();
  expect(brokers.isClosed).toBe(true);
  expect(await letters.settled()).toBe(false);
  expect(told.length).toBeLessThanOrEqual(1);
});
