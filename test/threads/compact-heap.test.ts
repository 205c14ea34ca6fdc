import { afterEach, expect, it, vi } from 'vitest';
import { compactHeapAfterBursts, compactHeapSoon } from '../../src/threads/compact-heap.ts';

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it('collects once, a second after the start', () => {
  vi.useFakeTimers();
  const collect = vi.fn();
  vi.stubGlobal('gc', collect);
  compactHeapSoon();
  vi.advanceTimersByTime(999);
  expect(collect).not.toHaveBeenCalled();
  vi.advanceTimersByTime(60_000);
  expect(collect.mock.calls).toEqual([[{ type: 'major', flavor: 'last-resort' }]]);
});

it('leaves it to V8 where nobody may ask for it', () => {
  vi.useFakeTimers();
  vi.stubGlobal('gc', undefined);
  compactHeapSoon();
  expect(() => vi.advanceTimersByTime(60_000)).not.toThrow();
});

it('collects once after each burst, when nothing more is given back', () => {
  vi.useFakeTimers();
  const collect = vi.fn();
  vi.stubGlobal('gc', collect);
  let returned = 0;
  const timer = compactHeapAfterBursts(() => returned);
  const collected = (seconds: number): number => {
    vi.advanceTimersByTime(seconds * 1000);
    return collect.mock.calls.length;
  };
  expect(collected(60)).toBe(0);
  for (let second = 0; second < 60; second += 15) {
    returned += 100 << 20;
    expect(collected(15)).toBe(0);
  }
  expect(collected(60)).toBe(1);
  returned += 1 << 20;
  expect(collected(60)).toBe(1);
  returned += 64 << 20;
  expect(collected(60)).toBe(2);
  clearInterval(timer);
  returned += 1 << 30;
  expect(collected(60)).toBe(2);
});

it('collects for less where nobody would notice', () => {
  vi.useFakeTimers();
  const collect = vi.fn();
  vi.stubGlobal('gc', collect);
  let isIdle = false;
  let returned = 0;
  compactHeapAfterBursts(
    () => returned,
    () => isIdle,
  );
  returned += 8 << 20;
  vi.advanceTimersByTime(60_000);
  expect(collect).not.toHaveBeenCalled();
  isIdle = true;
  vi.advanceTimersByTime(60_000);
  expect(collect).toHaveBeenCalledTimes(1);
});
