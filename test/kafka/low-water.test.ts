import { describe, expect, it } from 'vitest';
import { LowWater } from '../../src/kafka/low-water.ts';
import { random } from '../support/random.ts';

/** Offsets up to which messages came, and the number of the segment in which they landed. */
const water = (...landed: [offset: bigint, sequence: number][]): LowWater => {
  const made = new LowWater();
  for (const [offset, sequence] of landed) made.took(offset, sequence);
  return made;
};

describe('the low-water mark of a partition', () => {
  it('stands still while the first segment is in use, whatever is over behind it', () => {
    const mark = water([9n, 0], [19n, 1], [29n, 2]);
    mark.over(0);
    expect(mark.ready).toBe(-1n);
  });

  it('goes to behind the last message below the lowest segment in use', () => {
    const mark = water([9n, 0], [19n, 1], [29n, 2]);
    mark.over(2);
    expect(mark.ready).toBe(20n);
    mark.over(Number.POSITIVE_INFINITY);
    expect(mark.ready).toBe(30n);
  });

  it('waits for the last message of a segment that others came to lie in', () => {
    const mark = water([9n, 4], [19n, 4]);
    mark.over(4);
    expect(mark.ready).toBe(-1n);
    mark.over(5);
    expect(mark.ready).toBe(20n);
  });

  it('does not pass a large message in memory of its own, though what came later lies in an older segment', () => {
    const mark = water([0n, 7], [1n, 8], [2n, 7]);
    mark.over(8);
    expect(mark.ready).toBe(1n);
    mark.over(9);
    expect(mark.ready).toBe(3n);
  });

  it('passes messages of which nothing landed only when those before them are over', () => {
    const mark = water([0n, 3], [1n, -1]);
    mark.over(3);
    expect(mark.ready).toBe(-1n);
    mark.over(4);
    expect(mark.ready).toBe(2n);
    const poison = water([5n, -1]);
    poison.over(0);
    expect(poison.ready).toBe(6n);
  });

  it('takes gaps in the offsets as they come, and knows the next one expected', () => {
    const mark = water([3n, 0], [90n, 1]);
    expect([mark.first, mark.next]).toEqual([3n, 91n]);
    mark.over(1);
    expect(mark.ready).toBe(4n);
  });

  it('is never beyond a message that is not over, in any story', () => {
    for (let seed = 1; seed < 200; seed++) {
      const next = random(seed);
      const one = (n: number): number => Math.floor(next() * n);
      const mark = new LowWater();
      const inUse = new Set<number>();
      const landed: { offset: bigint; sequence: number }[] = [];
      let open = 0;
      for (let step = 0; step < 60; step++) {
        if (one(4) === 0) open++;
        const offset = BigInt(step);
        inUse.add(open);
        landed.push({ offset, sequence: open });
        mark.took(offset, open);
        for (const sequence of inUse) if (sequence < open && one(3) === 0) inUse.delete(sequence);
        mark.over(Math.min(...inUse, open));
        expect(landed.filter(({ offset, sequence }) => offset < mark.ready && inUse.has(sequence))).toEqual([]);
      }
      mark.over(Number.POSITIVE_INFINITY);
      expect(mark.ready).toBe(60n);
    }
  });
});
