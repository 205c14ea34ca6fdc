import { describe, expect, it } from 'vitest';
import { Landed } from '../../src/buffer/landed.ts';
import { Window } from '../../src/buffer/window.ts';
import { sliceWords } from '../../src/model/slice.ts';
import { leastCpuUs } from '../support/growth.ts';

const rows = Int32Array.from({ length: sliceWords }, (_, i) => i + 1);
const bytes = new Uint8Array(300);

/** A late request where nothing else waits: a segment of its own. */
const little = (sequence: number, now = sequence) => {
  const landed = new Landed(4096, now);
  landed.land(bytes.length, now);
  landed.take(bytes.length, { bytes, segment: 0, rows, stride: sliceWords, count: 1, conditions: 0 });
  return { sequence, landed, bytes, isPacked: false };
};
const windowOf = (maxBytes: number, maxAgeMs = 1e9): Window => new Window({ maxBytes, maxAgeMs });

describe('what is in the window', () => {
  it('goes oldest first, is found by its number as long as it is there, and gives back what it took', () => {
    const window = windowOf(1 << 20, 1000);
    for (let n = 0; n < 5000; n++) window.add(little(n));
    const { segments } = window;
    expect(window.bytes).toBeLessThanOrEqual(1 << 20);
    expect(segments.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: segments.length }, (_, i) => 5000 - segments.length + i),
    );
    expect([window.find(4999)?.sequence, window.find(0), window.find(5000)]).toEqual([4999, undefined, undefined]);
    expect([window.spans, window.oldestAt]).toEqual([segments.length, 5000 - segments.length]);
    window.tick(5500, 0);
    expect(window.segments.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 500 }, (_, i) => 4500 + i));
    window.tick(99_000, 0);
    expect([window.bytes, window.spans, window.oldestAt, window.segments, window.find(4999)]).toEqual([
      0,
      0,
      undefined,
      [],
      undefined,
    ]);
    window.add(little(5001, 99_000));
    expect(window.segments.map(({ sequence }) => sequence)).toEqual([5001]);
  });

  it('goes by when it landed, also where a trace waited there for longer than in younger ones', () => {
    const window = windowOf(1 << 20, 1000);
    for (const [sequence, now] of [
      [1, 500],
      [2, 800],
      [0, 100],
    ] as const)
      window.add(little(sequence, now));
    expect([window.oldestAt, window.segments.map(({ sequence }) => sequence)]).toEqual([100, [0, 1, 2]]);
    window.tick(1200, 0);
    expect([window.oldestAt, window.find(0), window.spans]).toEqual([500, undefined, 2]);
  });

  it('holds no more late requests than their objects have room for', () => {
    const window = windowOf(4 << 20);
    for (let n = 0; n < 10_000; n++) window.add(little(n));
    expect(window.segments.length).toBeLessThan((4 << 20) / 1300);
  });

  it('takes no longer for one of many to be found, or to go', () => {
    const [few, many] = [500, 20_000].map((count) => {
      const window = windowOf(count * 1700);
      for (let n = 0; n < count; n++) window.add(little(n));
      const fresh = Array.from({ length: 8 * 500 }, (_, i) => little(count + i));
      let found = 0;
      const us = leastCpuUs(() => {
        for (const each of fresh.splice(0, 500)) {
          window.add(each);
          if (window.find(each.sequence) !== undefined) found++;
        }
      });
      expect(found).toBe(8 * 500);
      return us;
    });
    // Forty times as many: a list that is gone through would take forty times as long.
    expect(many! / Math.max(few!, 200)).toBeLessThan(8);
  });
});
