import { describe, expect, it } from 'vitest';
import { Segments } from '../../src/buffer/segments.ts';
import { Blocks } from '../../src/tables/blocks.ts';
import { SeenMemory } from '../support/collect.ts';

describe('segments', () => {
  it('are blocks: a power of two between 128 KiB and 4 MiB, a sixteenth of the buffer where it is large enough', () => {
    const bytesOf = (maxBytes: number): number => new Segments(new Blocks(maxBytes), () => {}).segmentBytes;
    expect([1 << 20, 20 << 20, 32 << 20, 512 << 20].map(bytesOf)).toEqual([128 << 10, 1 << 20, 4 << 20, 4 << 20]);
  });

  it('are given back whole, when the last thing in them is settled', () => {
    const freed: number[] = [];
    const segments = new Segments(new Blocks(64 << 20), (segment) => freed.push(segment.sequence));
    const places = Array.from({ length: 50 }, () => segments.reserve(500_000, 0));
    expect(new Set(places).size).toBeGreaterThan(4);
    expect(segments.bytes).toBe(50 * 500_000);
    for (const place of places) {
      segments.get(place).pending--;
      segments.releaseIfUnused(place);
    }
    expect(segments.bytes).toBe(0);
    expect(freed).toHaveLength(new Set(places).size);
  });

  it('let the memory of a burst go when nobody has needed it for a while', async () => {
    const blocks = new Blocks(256 << 20);
    const segments = new Segments(blocks, () => {});
    const memory = new SeenMemory();
    const burst = (messages: number): void => {
      const places = Array.from({ length: messages }, () => segments.reserve(3_000_000, 0));
      for (const place of places) memory.see(segments.get(place).bytes.buffer);
      for (const place of places) {
        segments.get(place).pending--;
        segments.releaseIfUnused(place);
      }
    };
    const megabytes = async (): Promise<number> => (await memory.held()) / 2 ** 20;
    burst(60);
    expect(await megabytes()).toBe(240);
    segments.trim();
    segments.shrink();
    expect(await megabytes()).toBe(240);
    burst(30);
    segments.trim();
    segments.shrink();
    // What the second burst had no need of.
    expect(await megabytes()).toBe(120);
    expect(blocks.returnedBytes).toBe(120 << 20);
    burst(60);
    expect(await megabytes()).toBe(240);
    segments.trim();
    segments.trim();
    segments.shrink();
    expect(await megabytes()).toBe(0);
  });

  it('let it go one slab after the other while there is traffic', () => {
    const blocks = new Blocks(256 << 20);
    const segments = new Segments(blocks, () => {});
    const settle = (place: number): void => {
      segments.get(place).pending--;
      segments.releaseIfUnused(place);
    };
    const burst = Array.from({ length: 60 }, () => segments.reserve(3_000_000, 0));
    const waiting = burst.splice(0, 24);
    for (const place of burst) settle(place);
    segments.trim();
    segments.trim();
    const returned = (): number => blocks.returnedBytes / 2 ** 20;
    segments.shrink();
    segments.shrink();
    expect(returned()).toBe(8);
    // More comes than there is left: then there is nothing to give away.
    for (const place of Array.from({ length: 40 }, () => segments.reserve(3_000_000, 0))) settle(place);
    segments.shrink();
    expect(returned()).toBe(8);
    // The traffic ends: what waited is decided, and all but the open segment is idle.
    for (const place of waiting) settle(place);
    segments.trim();
    segments.trim();
    segments.shrink();
    expect(returned()).toBe(264);
  });

  it('leave room behind every message for a scan that looks ahead', () => {
    const segments = new Segments(new Blocks(1 << 20), () => {});
    for (let i = 0; i < 300; i++) {
      const segment = segments.get(segments.reserve(1000, 0));
      expect(segment.used).toBeLessThanOrEqual(segment.bytes.length - 64);
    }
  });
});
