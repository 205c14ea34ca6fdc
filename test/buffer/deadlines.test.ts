import { expect, it } from 'vitest';
import { Deadlines } from '../../src/buffer/deadlines.ts';
import { Blocks } from '../../src/tables/blocks.ts';
import { Records } from '../../src/tables/records.ts';

const words = { due: 0, previous: 1, next: 2, bucket: 3 };

it('name the first of all, again and again, as they come and go in any order', () => {
  const records = new Records(4, new Blocks(64 << 20));
  const deadlines = new Deadlines(records, words, 60_000);
  const dues = new Map<number, number>();
  for (let i = 0; i < 2_000; i++) {
    const now = 1_000_000 + i;
    const slot = records.allocate();
    // Most wait for a minute, some for less; what is due is left alone for once.
    const due = now + (i % 7 === 0 ? 30_000 : 60_000);
    deadlines.add(slot, due);
    dues.set(slot, due);
    const first = deadlines.first();
    const earliest = Math.min(...dues.values());
    expect(Math.floor((dues.get(first) as number) / 16)).toBe(Math.floor(earliest / 16));
    if (i % 3 !== 0) continue;
    deadlines.remove(first);
    dues.delete(first);
    records.release(first);
  }
});

it('of a hundred thousand that end early are found without a walk through an hour of empty time for each', () => {
  const records = new Records(4, new Blocks(64 << 20));
  const deadlines = new Deadlines(records, words, 3_600_000);
  for (let i = 0; i < 100_000; i++) deadlines.add(records.allocate(), 5_000_000 + Math.floor(i / 100));
  deadlines.due(2_000_000);
  const began = process.threadCpuUsage().user;
  for (let slot = deadlines.first(); slot >= 0; slot = deadlines.first()) {
    deadlines.remove(slot);
    records.release(slot);
  }
  // A walk each would be 20 thousand million steps.
  expect((process.threadCpuUsage().user - began) / 1e6).toBeLessThan(1);
});
