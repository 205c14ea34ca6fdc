import { expect, it } from 'vitest';
import { EpochOffset } from '../../src/telemetry/epoch-offset.ts';

it('stays while clocks run apart by a little, and follows one who sets the wall clock', () => {
  const offset = new EpochOffset();
  const read = (unixMs: number, monotonicMs: number) =>
    offset.read({ unixMs: () => unixMs, monotonicMs: () => monotonicMs });
  expect(read(1_790_000_000_000, 500)).toBe(1_789_999_999_500);
  expect(read(1_790_000_010_007, 10_500.5)).toBe(1_789_999_999_500);
  expect(read(1_790_000_019_100, 20_500)).toBe(1_789_999_999_500);
  expect(read(1_789_996_430_000, 30_500)).toBe(1_789_996_399_500);
});
