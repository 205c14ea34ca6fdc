import { expect, it } from 'vitest';
import { restMs, Turnover } from '../../src/threads/window-packer.ts';

it('compresses for the window in the time that the path leaves', () => {
  expect(restMs(10, 0)).toBe(10);
  expect(restMs(10, 0.5)).toBe(10);
  expect(restMs(10, 0.75)).toBe(30);
  expect(restMs(10, 0.9)).toBeCloseTo(90);
});

it('has a twentieth of a core where the path wants all of it', () => {
  expect(restMs(10, 1)).toBeCloseTo(190);
  expect(restMs(10, 0.99)).toBeCloseTo(190);
});

it('lets a burst fill the window at once, and what goes on be written anew twice a minute', () => {
  const mebibyte = 2 ** 20;
  const turnover = new Turnover(30 * mebibyte, 1_000);
  for (let n = 0; n < 30; n++) expect(turnover.spend(mebibyte, 1_000)).toBe(0);
  // From now on as much a second as it holds in half a minute.
  expect(turnover.spend(mebibyte, 1_000)).toBe(1_000);
  expect(turnover.spend(2 * mebibyte, 2_000)).toBe(2_000);
  expect(turnover.spend(0, 4_000)).toBe(0);
  // However long nothing came, no more than what it holds is written at once.
  expect(turnover.spend(30 * mebibyte, 1_000_000)).toBe(0);
  expect(turnover.spend(mebibyte, 1_000_000)).toBe(1_000);
});

it('rests for half a minute at most, whatever was too large for the window or came of one of a few bytes', () => {
  const turnover = new Turnover(1_000, 0);
  expect(turnover.spend(50_000_000, 0)).toBe(30_000);
  expect(turnover.spend(0, 30_000)).toBe(0);
  expect(turnover.spend(100, 30_000)).toBe(3_000);
  // A timer of more than 2³¹ ms would be none.
  expect(new Turnover(1, 0).spend(1_000_000, 0)).toBe(30_000);
});
