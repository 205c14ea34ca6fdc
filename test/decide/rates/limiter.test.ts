import { describe, expect, it } from 'vitest';
import { Limiter, limiterWords, offered } from '../../../src/decide/rates/limiter.ts';
import { random } from '../../support/random.ts';

/** What a trace stands for that nothing but the limiter keeps; 0 = it is refused. */
function weightOf(limiter: Limiter, spans: number, now: number): number {
  offered.clear();
  const passed = limiter.ask(0, spans, now);
  if (passed) return 1 + offered.pay();
  if (offered.count > 0) offered.owe();
  return 0;
}

interface Offer {
  readonly spans: number;
  readonly perSecond: number;
}

/** Traces of several sizes come at random for so many seconds; what passed, by size, and what it stands for. */
function run(
  rate: number,
  offers: readonly Offer[],
  seconds: number,
  seed: number,
  words = new Int32Array(limiterWords),
) {
  const limiter = new Limiter(words, rate, 2 * rate);
  const next = random(seed);
  const sums = offers.map(() => ({ offered: 0, passed: 0, stoodFor: 0 }));
  const perMs = offers.reduce((sum, { perSecond }) => sum + perSecond, 0) / 1000;
  for (let ms = 0; ms < seconds * 1000; ms++) {
    for (let left = perMs; left > 0; left--) {
      if (left < 1 && next() > left) continue;
      let pick = next() * perMs * 1000;
      const which = offers.findIndex(({ perSecond }) => (pick -= perSecond) < 0);
      const sum = sums[which];
      sum.offered++;
      const weight = weightOf(limiter, offers[which].spans, ms);
      if (weight === 0) continue;
      sum.passed++;
      sum.stoodFor += weight;
    }
  }
  return { sums, owed: words.slice(1).reduce((sum, each) => sum + each, 0) / 16 };
}

describe('the weights of a limiter', () => {
  it('are 1 while all pass', () => {
    const { sums } = run(1000, [{ spans: 1, perSecond: 500 }], 20, 1);
    expect(sums[0].passed).toBe(sums[0].offered);
    expect(sums[0].stoodFor).toBe(sums[0].offered);
  });

  it.each([2, 10, 100])('add up to what was offered, less what is owed: %d times too much', (times) => {
    const { sums, owed } = run(50, [{ spans: 1, perSecond: 50 * times }], 120, times);
    expect(sums[0].passed).toBeLessThanOrEqual(50 * 120 + 100);
    expect(sums[0].passed).toBeGreaterThan(50 * 120 * 0.98);
    expect(sums[0].stoodFor + owed).toBeCloseTo(sums[0].offered, 3);
    // What is owed is what came while some twenty passed.
    expect(owed).toBeLessThan(20 * times);
  });

  it('add up by size, though small traces pass where large ones do not', () => {
    const offers = [1, 2, 8, 40].map((spans) => ({ spans, perSecond: 100 }));
    const { sums } = run(4000, offers, 600, 7);
    const shares = sums.map(({ passed, offered }) => passed / offered);
    expect(shares[0]).toBeGreaterThan(1.2 * shares[3]);
    sums.forEach(({ stoodFor, offered }, i) => {
      expect(Math.abs(stoodFor / offered - 1), `${offers[i].spans} spans`).toBeLessThan(0.005);
    });
  });

  it('cannot speak for traces that a bucket never has room for: small ones leave it empty', () => {
    const { sums, owed } = run(
      500,
      [1, 40].map((spans) => ({ spans, perSecond: 600 })),
      600,
      7,
    );
    expect(sums[0].stoodFor / sums[0].offered).toBeCloseTo(1, 2);
    expect(sums[1].passed).toBeLessThan(30);
    expect(owed).toBeGreaterThan(sums[1].offered * 0.99);
  });

  it('are paid back after a burst, and end at 1', () => {
    const words = new Int32Array(limiterWords);
    const limiter = new Limiter(words, 10, 20);
    let stoodFor = 0;
    for (let i = 0; i < 1000; i++) stoodFor += weightOf(limiter, 1, 0);
    expect(stoodFor).toBe(20);
    for (let ms = 1000; ms < 60_000; ms += 200) stoodFor += weightOf(limiter, 1, ms);
    expect(weightOf(limiter, 1, 60_000)).toBe(1);
    expect(Math.abs(stoodFor - 1000 - 295)).toBeLessThanOrEqual(1);
  });

  it('leave out what could never pass', () => {
    const limiter = new Limiter(new Int32Array(limiterWords), 10, 20);
    expect(weightOf(limiter, 25, 0)).toBe(0);
    expect(weightOf(limiter, 20, 0)).toBe(1);
  });

  it('are one reckoning for several shards', () => {
    const words = new Int32Array(limiterWords);
    const shards = [0, 1, 2, 3].map(() => new Limiter(words, 10, 20));
    let stoodFor = 0;
    let passed = 0;
    for (let ms = 0; ms < 100_000; ms++) {
      const shard = shards[[0, 0, 0, 0, 0, 1, 1, 2, 2, 3][ms % 10]];
      const weight = weightOf(shard, 1, ms);
      if (weight === 0) continue;
      passed++;
      stoodFor += weight;
    }
    expect(passed).toBe(1020 - 1);
    expect(Math.abs(stoodFor - 100_000)).toBeLessThan(20 * 100);
  });
});
