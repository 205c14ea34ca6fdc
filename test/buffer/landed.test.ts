import { describe, expect, it } from 'vitest';
import { Landed } from '../../src/buffer/landed.ts';
import { Slice, type SliceRows } from '../../src/model/slice.ts';

const stride = 13;

/** Slices of these traces, by the last word of their ids. */
const slices = (...ids: number[]): SliceRows => of(ids);

function of(ids: readonly number[]): SliceRows {
  const rows = new Int32Array(ids.length * stride);
  for (const [i, id] of ids.entries()) rows[i * stride + Slice.traceIdD] = id;
  return { bytes: new Uint8Array(0), segment: 0, rows, stride, count: ids.length, conditions: 0 };
}

const ends = (landed: Landed, ...ids: number[]): number[] =>
  Array.from(landed.messages(ids.length === 0 ? undefined : new Set(ids)), ({ end }) => end);

describe('what landed in a segment', () => {
  it('is known by message and by trace', () => {
    const landed = new Landed(1 << 20, 0);
    for (const [end, ids] of [
      [100, [7, 7, 7, 8]],
      [250, [8, 9, 8]],
      [300, [-1, 0]],
    ] as const) {
      landed.land(end, end);
      landed.take(end, slices(...ids));
    }
    expect([ends(landed), ends(landed, 7), ends(landed, 8), ends(landed, 0), ends(landed, 9, -1)]).toEqual([
      [100, 250, 300],
      [100],
      [100, 250],
      [300],
      [250, 300],
    ]);
    expect([...landed.messages()].map(({ start }) => start)).toEqual([0, 100, 250]);
    expect([landed.mayHold(new Set([9])), landed.mayHold(new Set([10])), landed.spans]).toEqual([true, false, 9]);
    expect([landed.firstAt, landed.lastAt]).toEqual([0, 300]);
    landed.close();
    expect(ends(landed, 8)).toEqual([100, 250]);
    expect(landed.bytes).toBeLessThan(100);
  });

  it('is nothing of what was refused, or is not taken yet, though others lie behind it', () => {
    const landed = new Landed(1 << 20, 0);
    landed.land(100, 0);
    landed.land(200, 0);
    landed.take(200, slices(5));
    landed.land(300, 0);
    landed.cancel(300);
    landed.land(250, 0);
    landed.take(250, slices(6));
    expect([ends(landed), [...landed.messages()].map(({ start }) => start)]).toEqual([
      [200, 250],
      [100, 200],
    ]);
    landed.take(100, slices(4));
    expect([ends(landed), ends(landed, 4), ends(landed, 6)]).toEqual([[100, 200, 250], [100], [250]]);
    expect(() => landed.take(777, slices(4))).toThrow('none landed there');
  });

  it('costs a sixteenth of its bytes at most: a million traces of one span may be anybody’s', () => {
    const capacity = 4 << 20;
    const landed = new Landed(capacity, 0);
    landed.land(1000, 0);
    landed.take(1000, slices(1, 2, 3));
    landed.land(capacity, 0);
    landed.take(capacity, of(Array.from({ length: 140_000 }, (_, i) => i + 10)));
    landed.land(capacity + 1, 0);
    landed.take(capacity + 1, slices(4));
    expect(landed.bytes).toBeLessThanOrEqual(capacity / 16 + 1024);
    expect([ends(landed, 2), ends(landed, 4), ends(landed, 999_999)]).toEqual([
      [1000, capacity],
      [capacity, capacity + 1],
      [capacity],
    ]);
  });
});
