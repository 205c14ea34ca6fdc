import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Blocks } from '../../src/tables/blocks.ts';
import { IdHash } from '../../src/tables/id-hash.ts';
import { IdIndex } from '../../src/tables/id-index.ts';
import { Records } from '../../src/tables/records.ts';

describe('the index of ids', () => {
  it('agrees with a Map, whatever is added and removed, and shrinks again', () => {
    const id = fc.tuple(
      fc.integer({ min: 0, max: 3 }),
      fc.integer(),
      fc.constantFrom(0, 7),
      fc.integer({ min: 0, max: 50 }),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), id), { maxLength: 400 }), fc.integer(), (steps, seed) => {
        const blocks = new Blocks(1 << 20);
        const records = new Records(5, blocks);
        const index = new IdIndex(records, new IdHash(seed), blocks);
        const model = new Map<string, number>();
        for (const [add, words] of steps) {
          const key = words.join();
          const known = model.get(key);
          expect(index.find(Int32Array.from(words), 0)).toBe(known ?? -1);
          if (add && known === undefined) {
            const slot = records.allocate();
            records.page(slot).set(words, records.at(slot));
            index.insert(slot);
            model.set(key, slot);
          } else if (!add && known !== undefined) {
            index.remove(known);
            records.release(known);
            model.delete(key);
          }
        }
        expect(records.size).toBe(model.size);
      }),
    );
  });

  it('is not led by the sender: ids that met in a weaker hash, whatever its seed was, are spread', () => {
    const blocks = new Blocks(64 << 20);
    const records = new Records(4, blocks);
    const index = new IdIndex(records, new IdHash(42), blocks);
    const began = process.threadCpuUsage().user;
    for (let i = 0; i < 20_000; i++) {
      const x = Math.imul(i, 0x9e3779b1);
      const slot = records.allocate();
      records.page(slot).set([i, x ^ (x >>> 15), 7, 7], records.at(slot));
      index.insert(slot);
    }
    expect((process.threadCpuUsage().user - began) / 1e6).toBeLessThan(1);
    // As much as ids by chance would take.
    expect(index.bytes).toBeLessThanOrEqual(4 << 20);
  });

  it('holds a hundred thousand ids that differ in one word only, and gives the memory back', () => {
    const blocks = new Blocks(64 << 20);
    const records = new Records(4, blocks);
    const index = new IdIndex(records, new IdHash(42), blocks);
    const slots: number[] = [];
    for (let i = 0; i < 100_000; i++) {
      const slot = records.allocate();
      records.page(slot).set([0, 0, 0, i], records.at(slot));
      index.insert(slot);
      slots.push(slot);
    }
    for (let i = 0; i < 100_000; i += 997) expect(index.find(Int32Array.of(0, 0, 0, i), 0)).toBe(slots[i]);
    expect(index.bytes).toBeLessThan(100_000 * 8 * 4 + (4 << 20));
    for (const slot of slots) {
      index.remove(slot);
      records.release(slot);
    }
    expect([index.bytes, records.bytes, blocks.inUseBytes]).toEqual([0, 0, 0]);
  });
});

describe('records', () => {
  it('hands out zeroed records, lowest page first, and drops pages that emptied', () => {
    const records = new Records(2, new Blocks(1 << 20));
    const slots = Array.from({ length: 2500 }, () => records.allocate());
    records.page(slots[3]).fill(9, records.at(slots[3]), records.at(slots[3]) + 2);
    for (const slot of slots.slice(1024)) records.release(slot);
    expect(records.pages.filter((page) => page !== undefined)).toHaveLength(1);
    records.release(slots[3]);
    const again = records.allocate();
    expect(again).toBe(slots[3]);
    expect([...records.page(again).subarray(records.at(again), records.at(again) + 2)]).toEqual([0, 0]);
  });
});
