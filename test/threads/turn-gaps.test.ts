import { expect, it } from 'vitest';
import { TurnGaps } from '../../src/threads/turn-gaps.ts';

const delayAfter = (...gapsMs: readonly number[]): number => {
  const gaps = new TurnGaps();
  let now = 5_000;
  gaps.turn(now);
  for (const ms of gapsMs) gaps.turn((now += ms));
  return gaps.delayMs;
};
const usual = (turns: number): number[] => new Array(turns).fill(10);

it('is as long as turns are apart', () => {
  expect(delayAfter(...usual(800))).toBe(10);
  expect(delayAfter(...new Array(40).fill(200))).toBe(200);
});

it('takes one long pause for no more than one', () => {
  expect(delayAfter(...usual(200), 30_000, ...usual(200))).toBeLessThan(300);
  expect(delayAfter(...usual(200), 400, ...usual(200))).toBeLessThan(100);
});

it('is forgotten with the next window', () => {
  expect(delayAfter(...new Array(40).fill(400), ...usual(800))).toBe(10);
});
