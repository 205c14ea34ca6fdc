import { describe, expect, it } from 'vitest';
import { Chunks } from '../../src/receive/chunks.ts';

const KiB = 1024;

describe('chunks', () => {
  it('are as large as is asked, rounded down to a power of two, from 1 to 128 KiB', () => {
    const chunks = new Chunks();
    const asked = [0, 1, 1023, 1024, 2047, 2048, 5000, 65_536, 131_071, 131_072, 10_000_000];
    const got = asked.map((bytes) => chunks.take(bytes).length / KiB);
    expect(got).toEqual([1, 1, 1, 1, 1, 2, 4, 64, 64, 128, 128]);
    expect(asked.map((bytes) => Chunks.bytesFor(bytes) / KiB)).toEqual(got);
    expect(chunks.heldBytes).toBe(got.reduce((sum, size) => sum + size) * KiB);
  });

  it('are used again, the last one first', () => {
    const chunks = new Chunks();
    const [first, second] = [chunks.take(KiB), chunks.take(KiB)];
    chunks.give(first);
    chunks.give(second);
    expect([chunks.heldBytes, chunks.freeBytes]).toEqual([0, 2 * KiB]);
    expect(chunks.take(KiB)).toBe(second);
    expect(chunks.take(KiB)).toBe(first);
    expect([chunks.heldBytes, chunks.freeBytes]).toEqual([2 * KiB, 0]);
  });

  it('go when nobody has needed them for ten seconds', () => {
    const chunks = new Chunks();
    chunks.trim(0);
    const burst = Array.from({ length: 10 }, () => chunks.take(2 * KiB));
    for (const chunk of burst) chunks.give(chunk);
    chunks.trim(10_000);
    expect(chunks.freeBytes).toBe(20 * KiB);
    // Three at a time are needed from now on.
    const needed = Array.from({ length: 3 }, () => chunks.take(2 * KiB));
    for (const chunk of needed) chunks.give(chunk);
    chunks.trim(19_999);
    expect(chunks.freeBytes).toBe(20 * KiB);
    chunks.trim(20_000);
    expect([chunks.freeBytes, chunks.returnedBytes]).toEqual([6 * KiB, 14 * KiB]);
    expect(needed).toContain(chunks.take(2 * KiB));
    chunks.trim(30_000);
    chunks.trim(40_000);
    expect(chunks.freeBytes).toBe(0);
  });

  it('of which many come back at once are not all kept', () => {
    const chunks = new Chunks();
    const burst = Array.from({ length: 1000 }, () => chunks.take(128 * KiB));
    for (const chunk of burst) chunks.give(chunk);
    expect(chunks.heldBytes).toBe(0);
    expect(chunks.freeBytes).toBe(16 * KiB * KiB);
    expect(chunks.returnedBytes).toBe(1000 * 128 * KiB - chunks.freeBytes);
  });
});
