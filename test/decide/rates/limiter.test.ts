import { describe, expect, it } from 'vitest';
import { Limiter, limiterWords } from '../../../src/decide/rates/limiter.ts';
import { random } from '../../support/random.ts';

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
      if (!limiter.ask(0, offers[which].spans, ms)) continue;
      sum.passed++;
      sum.stoodFor += 1 / limiter.chance;
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
    for (let i = 0; i < 1000; i++) if (limiter.ask(0, 1, 0)) stoodFor += 1 / limiter.chance;
    expect(stoodFor).toBe(20);
    for (let ms = 1000; ms < 60_000; ms += 200) if (limiter.ask(0, 1, ms)) stoodFor += 1 / limiter.chance;
    expect(limiter.chance).toBe(1);
    expect(Math.abs(stoodFor - 1000 - 295)).toBeLessThanOrEqual(1);
  });

  it('leave out what could never pass', () => {
    const limiter = new Limiter(new Int32Array(limiterWords), 10, 20);
    expect(limiter.ask(0, 25, 0)).toBe(false);
    expect(limiter.chance).toBe(0);
    expect(limiter.ask(0, 20, 0)).toBe(true);
    expect(limiter.chance).toBe(1);
  });

  it('are one reckoning for several shards', () => {
    const words = new Int32Array(limiterWords);
    const shards = [0, 1, 2, 3].map(() => new Limiter(words, 10, 20));
    let stoodFor = 0;
    let passed = 0;
    for (let ms = 0; ms < 100_000; ms++) {
      const shard = shards[[0, 0, 0, 0, 0, 1, 1, 2, 2, 3][ms % 10]];
      if (!shard.ask(0, 1, ms)) continue;
      passed++;
      stoodFor += 1 / shard.chance;
    }
    expect(passed).toBe(1020 - 1);
    expect(Math.abs(stoodFor - 100_000)).toBeLessThan(20 * 100);
  });
});
