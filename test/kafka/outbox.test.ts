import { describe, expect, it } from 'vitest';
import type { Outgoing, RecordWriter } from '../../src/kafka/client.ts';
import { Outbox } from '../../src/kafka/outbox.ts';
import type { TraceRecord } from '../../src/kafka/record-writer.ts';

interface Write {
  readonly records: Outgoing[];
  readonly end: (failure?: Error) => void;
}

/** Brokers that take what they are told to take, when they are told. */
class HandBrokers implements RecordWriter {
  readonly writes: Write[] = [];
  down: Error | undefined;
  async partitions(): Promise<number> {
    if (this.down) throw this.down;
    return 4;
  }
  write(records: Outgoing[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.writes.push({ records: [...records], end: (failure) => (failure ? reject(failure) : resolve()) });
    });
  }
  async close(): Promise<void> {}
}

const record = (hash: number, bytes = 100): TraceRecord => ({
  key: Buffer.from(`key-${hash}`.padEnd(32)),
  value: Buffer.alloc(bytes, hash),
  hash,
});

const outboxOf = (brokers: HandBrokers, more = {}): Outbox =>
  new Outbox({ topic: 't', maxBytes: 100_000, maxBatchBytes: 10_000, timeoutMs: 10_000, ...more }, brokers);

/** Until all that is due has run: writes begin in the next round of the loop. */
async function rounds(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

describe('the outbox', () => {
  it('answers when brokers have it, and holds it until then', async () => {
    const brokers = new HandBrokers();
    const outbox = outboxOf(brokers);
    let answer: unknown = 'none';
    void outbox.put([record(1), record(2)]).then((it) => (answer = it));
    await rounds();
    expect(brokers.writes.map(({ records }) => records.map(({ partition }) => partition))).toEqual([[1, 2]]);
    expect([answer, outbox.stats.heldBytes > 264]).toEqual(['none', true]);
    brokers.writes[0].end();
    await rounds();
    expect([answer, outbox.stats.heldBytes, outbox.stats.writtenRecords]).toEqual([undefined, 0, 2]);
  });

  it('has three writes under way, and what comes meanwhile goes together with the next', async () => {
    const brokers = new HandBrokers();
    const outbox = outboxOf(brokers);
    for (let i = 0; i < 8; i++) {
      void outbox.put([record(i)]);
      await rounds();
    }
    expect(brokers.writes.map(({ records }) => records.length)).toEqual([1, 1, 1]);
    brokers.writes[1].end();
    await rounds();
    expect(brokers.writes.map(({ records }) => records.length)).toEqual([1, 1, 1, 5]);
  });

  it('gives no partition more than one batch may hold', async () => {
    const brokers = new HandBrokers();
    const outbox = outboxOf(brokers);
    const answer = outbox.put(Array.from({ length: 30 }, () => record(4, 1_000)));
    await rounds();
    expect(brokers.writes.length).toBe(3);
    for (const { records } of brokers.writes)
      expect(records.reduce((sum, { value }) => sum + value.length, 0)).toBeLessThanOrEqual(10_000);
    while (outbox.stats.heldBytes > 0) {
      for (const { end } of brokers.writes) end();
      await rounds();
    }
    expect(await answer).toBeUndefined();
    expect(brokers.writes.flatMap(({ records }) => records).length).toBe(30);
  });

  it('tells of a failure everyone whose record it was, once, and nobody else', async () => {
    const brokers = new HandBrokers();
    const outbox = outboxOf(brokers);
    const first = outbox.put([record(1), record(2)]);
    await rounds();
    const second = outbox.put([record(1)]);
    await rounds();
    brokers.writes[0].end(new Error('leader moved'));
    brokers.writes[1].end();
    expect((await first)?.message).toBe('leader moved');
    expect(await second).toBeUndefined();
    await rounds();
    expect([outbox.stats.failedRecords, outbox.stats.writtenRecords, outbox.stats.heldBytes]).toEqual([2, 1, 0]);
  });

  it('fails what waits where not even the topic is known, and holds nothing of it', async () => {
    const brokers = new HandBrokers();
    brokers.down = new Error('connect ECONNREFUSED');
    const outbox = outboxOf(brokers);
    expect((await outbox.put([record(1), record(2)]))?.message).toBe('connect ECONNREFUSED');
    await rounds();
    expect(outbox.stats.heldBytes).toBe(0);
    brokers.down = undefined;
    const again = outbox.put([record(1)]);
    await rounds();
    brokers.writes[0].end();
    expect(await again).toBeUndefined();
  });

  it('says what is wrong now, before the first record too, and no more when it is over', async () => {
    const brokers = new HandBrokers();
    const told: string[] = [];
    const outbox = outboxOf(brokers, { onTrouble: (why: string) => told.push(why) });
    brokers.down = new Error('there is no topic t');
    await outbox.probe();
    expect([told, outbox.stats.lastError]).toEqual([['there is no topic t'], 'there is no topic t']);
    brokers.down = new Error('nobody listens there');
    await outbox.put([record(1), record(2)]);
    expect([told[1], outbox.stats.lastError, told.length]).toEqual(['nobody listens there', 'nobody listens there', 2]);
    brokers.down = undefined;
    const again = outbox.put([record(1)]);
    await rounds();
    brokers.writes[0].end();
    await again;
    await rounds();
    expect([told.length, outbox.stats.lastError]).toEqual([2, '']);
    await outbox.probe();
    expect(told).toHaveLength(2);
  });

  it('answers after its timeout, and holds what is under way until the brokers are done with it', async () => {
    const brokers = new HandBrokers();
    const outbox = outboxOf(brokers, { timeoutMs: 20 });
    expect((await outbox.put([record(1)]))?.message).toBe('no answer within 20 ms');
    expect(outbox.stats.heldBytes).toBeGreaterThan(0);
    expect(outbox.fits(100_000)).toBe(false);
    brokers.writes[0].end();
    await rounds();
    expect([outbox.stats.heldBytes, outbox.fits(99_000)]).toEqual([0, true]);
  });

  it('answers after its timeout what waits behind writes that hang, or for the topic, and holds nothing of that', async () => {
    const brokers = new HandBrokers();
    const outbox = outboxOf(brokers, { timeoutMs: 200 });
    const first = [];
    for (let i = 0; i < 3; i++) {
      first.push(outbox.put([record(i)]));
      await rounds();
    }
    const underWay = outbox.stats.heldBytes;
    const behind = outbox.put([record(1), record(2)]);
    await rounds();
    expect(brokers.writes.length).toBe(3);
    expect((await behind)?.message).toBe('no answer within 200 ms');
    await rounds();
    expect([outbox.stats.heldBytes, outbox.stats.failedRecords]).toEqual([underWay, 2]);
    for (const { end } of brokers.writes) end();
    await rounds();
    // What was given up is not written behind its sender's back.
    expect([outbox.stats.heldBytes, outbox.stats.failedRecords, brokers.writes.length]).toEqual([0, 5, 3]);
    expect((await Promise.all(first)).map((failure) => failure?.message)).toEqual(
      Array(3).fill('no answer within 200 ms'),
    );

    const { promise, resolve } = Promise.withResolvers<number>();
    brokers.partitions = () => promise;
    expect((await outbox.put([record(1)]))?.message).toBe('no answer within 200 ms');
    await rounds();
    expect(outbox.stats.heldBytes).toBe(0);
    const next = outbox.put([record(1)]);
    resolve(4);
    await rounds();
    brokers.writes[3].end();
    expect([await next, brokers.writes[3].records.length]).toEqual([undefined, 1]);
  });
});
