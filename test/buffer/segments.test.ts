import { describe, expect, it } from 'vitest';
import { Segments, segmentBytesFor } from '../../src/buffer/segments.ts';

describe('segments', () => {
  it('are a power of two between 64 KiB and 4 MiB, a 32nd of the buffer', () => {
    expect(segmentBytesFor(1000)).toBe(64 << 10);
    expect(segmentBytesFor(512 << 20)).toBe(4 << 20);
    expect(segmentBytesFor(32 << 20)).toBe(1 << 20);
    expect(segmentBytesFor(33 << 20)).toBe(1 << 20);
  });

  it('are given back whole, when the last thing in them is settled', () => {
    const freed: number[] = [];
    const segments = new Segments(64 << 20, (segment) => freed.push(segment.sequence));
    const places = Array.from({ length: 20 }, () => segments.reserve(500_000, 0));
    expect(new Set(places).size).toBeGreaterThan(4);
    expect(segments.bytes).toBe(20 * 500_000);
    for (const place of places) {
      segments.get(place).pending--;
      segments.settle(place);
    }
    expect(segments.bytes).toBe(0);
    expect(freed).toHaveLength(new Set(places).size);
  });

  it('give the memory of a burst back to the system, but for one slab', () => {
    const segments = new Segments(256 << 20, () => {});
    const places = Array.from({ length: 60 }, () => segments.reserve(3_000_000, 0));
    const slabs = () => new Set(segments.list.flatMap((segment) => (segment ? [segment.bytes.buffer] : []))).size;
    expect(slabs()).toBeGreaterThan(4);
    const memory = places.map((place) => segments.get(place).bytes);
    for (const place of places) {
      segments.get(place).pending--;
      segments.settle(place);
    }
    expect(slabs()).toBeLessThanOrEqual(2);
    // At once: an idle process collects no garbage.
    expect(memory.filter((bytes) => bytes.length > 0).length).toBeLessThanOrEqual(2 * 8);
  });

  it('leave room behind every message for a scan that looks ahead', () => {
    const segments = new Segments(1 << 20, () => {});
    for (let i = 0; i < 300; i++) {
      const segment = segments.get(segments.reserve(1000, 0));
      expect(segment.used).toBeLessThanOrEqual(segment.bytes.length - 64);
    }
  });
});
