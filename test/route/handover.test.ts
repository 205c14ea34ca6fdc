import { describe, expect, it } from 'vitest';
import { Handover, handoverMemory } from '../../src/route/handover.ts';
import { ownerOf } from '../../src/route/route.ts';

const rowWords = 3;
/** Both ends of one ring. */
function ring(words: number): { writer: Handover; reader: Handover } {
  const memory = handoverMemory(words);
  return { writer: new Handover(memory), reader: new Handover(memory) };
}
function write(writer: Handover, segment: number, rows: number[][]): void {
  writer.begin(segment, 7, rows.length, rowWords);
  for (const row of rows) writer.push(Int32Array.from(row), 0);
  writer.commit();
}

describe('a ring between two shards', () => {
  it('shows a batch when it is whole, and not before', () => {
    const { writer, reader } = ring(64);
    writer.begin(5, 7, 1, rowWords);
    writer.push(Int32Array.from([1, 2, 3]), 0);
    expect(reader.peek()).toBe(false);
    writer.commit();
    expect(reader.peek()).toBe(true);
    expect([reader.segment, reader.conditions, reader.count, reader.stride]).toEqual([5, 7, 1, rowWords]);
    const rows = new Int32Array(3);
    reader.take(rows);
    expect([...rows]).toEqual([1, 2, 3]);
    expect(reader.peek()).toBe(false);
  });

  it('goes round and round without losing or changing a word, also across the end of its memory', () => {
    const { writer, reader } = ring(32);
    const into = new Int32Array(64);
    let next = 0;
    let expected = 0;
    for (let turn = 0; turn < 10_000; turn++) {
      for (let size = 1 + (turn % 4); writer.fits(size, rowWords); size = 1 + (next % 3)) {
        write(
          writer,
          turn,
          Array.from({ length: size }, () => [next++, -next, turn]),
        );
      }
      while (reader.peek()) {
        const { count } = reader;
        reader.take(into);
        for (let i = 0; i < count; i++) expect(into[i * rowWords]).toBe(expected++);
      }
    }
    expect(expected).toBe(next);
    expect(reader.rows).toBe(writer.rows);
  });

  it('says when it is full, and exactly', () => {
    const { writer, reader } = ring(16);
    expect(writer.largest(rowWords)).toBe(4);
    expect([writer.fits(4, rowWords), writer.fits(5, rowWords)]).toEqual([true, false]);
    write(writer, 1, [[1, 1, 1]]);
    expect([writer.fits(1, rowWords), writer.fits(2, rowWords)]).toEqual([true, false]);
    reader.peek();
    reader.take(new Int32Array(3));
    expect(writer.fits(4, rowWords)).toBe(true);
  });
});

describe('the owner of a trace', () => {
  it('is one of the shards, always the same, and all get their share', () => {
    for (const shards of [1, 2, 3, 4, 16]) {
      const counts = new Array(shards).fill(0);
      for (let i = 0; i < 16_000; i++) counts[ownerOf(Math.imul(i, 0x9e3779b1), shards)]++;
      for (const count of counts)
        expect(Math.abs(count - 16_000 / shards)).toBeLessThan(5 * Math.sqrt(16_000 / shards));
    }
  });

  it('is spread for ids that count up, too', () => {
    const counts = [0, 0, 0, 0];
    for (let id = 0; id < 4_000; id++) counts[ownerOf(id, 4)]++;
    for (const count of counts) expect(count).toBeGreaterThan(700);
  });
});
