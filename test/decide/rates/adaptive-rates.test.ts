import { describe, expect, it } from 'vitest';
import { type AdaptiveOptions, AdaptiveRates } from '../../../src/decide/rates/adaptive-rates.ts';
import { random } from '../../support/random.ts';

interface Traffic {
  /** Traces a second, by key. */
  readonly perSecond: readonly number[];
  readonly spans?: number;
  readonly seconds: number;
}

/** A gateway of `shards` shards; shard 0 gets most of what comes. */
class Adaptive {
  readonly shards: readonly AdaptiveRates[];
  readonly kept: number[] = [];
  readonly sent: number[] = [];
  readonly stoodFor: number[] = [];
  readonly #next = random(1);
  #now = 1_000_000;

  constructor(options: Partial<AdaptiveOptions>, shards = 1) {
    const all = { target: { perSecond: 100 }, intervalMs: 15_000, weight: 0.5, keys: 500, ...options };
    const words = new Int32Array(new SharedArrayBuffer(AdaptiveRates.words(all.keys) * 4));
    this.shards = Array.from({ length: shards }, () => new AdaptiveRates(words, all));
  }

  /** Counts from zero. */
  run({ perSecond, spans = 1, seconds }: Traffic): this {
    this.kept.length = this.sent.length = this.stoodFor.length = 0;
    perSecond.forEach((_, key) => {
      this.kept[key] = this.sent[key] = this.stoodFor[key] = 0;
    });
    const due = perSecond.map(() => 0);
    for (let end = this.#now + seconds * 1000; this.#now < end; this.#now++)
      perSecond.forEach((rate, key) => {
        for (due[key] += rate / 1000; due[key] >= 1; due[key]--) this.#one(key, spans);
      });
    return this;
  }

  #one(key: number, spans: number): void {
    const skew = this.#next();
    const shard = this.shards[Math.floor(skew ** 3 * this.shards.length)];
    shard.ask(key + 1, spans, this.#now);
    const threshold = (shard.thresholdHigh * 2 ** 32 + shard.thresholdLow) / 2 ** 56;
    this.sent[key] += spans;
    if (this.#next() < threshold) return;
    this.kept[key] += spans;
    this.stoodFor[key] += spans / (1 - threshold);
  }
}

const sum = (each: readonly number[]): number => each.reduce((a, b) => a + b, 0);

describe('adaptive rates', () => {
  it('keep all where there is less than the target', () => {
    const gateway = new Adaptive({}).run({ perSecond: [20, 30], seconds: 60 });
    expect(gateway.kept).toEqual(gateway.sent);
  });

  it.each([1, 4])('come to the target, and rare keys keep more: %d shards', (shards) => {
    const gateway = new Adaptive({}, shards);
    gateway.run({ perSecond: [2000, 400, 20, 1], seconds: 60 });
    gateway.run({ perSecond: [2000, 400, 20, 1], seconds: 120 });
    expect(sum(gateway.kept) / 120).toBeGreaterThan(95);
    expect(sum(gateway.kept) / 120).toBeLessThan(105);
    const shares = gateway.kept.map((kept, key) => kept / gateway.sent[key]);
    expect(shares[3]).toBe(1);
    expect(shares[2]).toBe(1);
    expect(shares[1]).toBeGreaterThan(2 * shares[0]);
  });

  it('come to a share of all', () => {
    const gateway = new Adaptive({ target: { share: 0.05 } });
    gateway.run({ perSecond: [2000, 400, 20, 1], spans: 3, seconds: 2 });
    gateway.run({ perSecond: [2000, 400, 20, 1], spans: 3, seconds: 120 });
    expect(sum(gateway.kept) / sum(gateway.sent)).toBeGreaterThan(0.047);
    expect(sum(gateway.kept) / sum(gateway.sent)).toBeLessThan(0.053);
    expect(gateway.kept[3] / gateway.sent[3]).toBeGreaterThan(0.5);
  });

  it('begin with the share, and with no more than some seconds’ target', () => {
    const share = new Adaptive({ target: { share: 0.05 } }).run({ perSecond: [5000], seconds: 1 });
    expect(sum(share.kept) / 5000).toBeLessThan(0.07);
    const rate = new Adaptive({}).run({ perSecond: Array.from({ length: 50 }, () => 100), seconds: 3 });
    expect(sum(rate.kept)).toBeLessThan(100 * 12);
  });

  it('follow a burst within two seconds, and hold it back before', () => {
    const gateway = new Adaptive({}).run({ perSecond: [100, 50], seconds: 60 });
    gateway.run({ perSecond: [10_000, 50], seconds: 2 });
    expect(sum(gateway.kept)).toBeLessThan(100 * 15 * 4);
    gateway.run({ perSecond: [10_000, 50], seconds: 15 });
    expect(sum(gateway.kept) / 15).toBeLessThan(130);
  });

  it('bound what a flood of new keys gets, and let the old ones keep theirs', () => {
    const gateway = new Adaptive({ keys: 50 }).run({ perSecond: [300, 10], seconds: 60 });
    const flood = Array.from({ length: 1_500 }, (_, key) => (key < 2 ? [300, 10][key] : 0.9));
    gateway.run({ perSecond: flood, seconds: 60 });
    gateway.run({ perSecond: flood, seconds: 60 });
    expect(sum(gateway.kept) / 60).toBeLessThan(115);
    expect(gateway.kept[1] / gateway.sent[1]).toBeGreaterThan(0.5);
  });

  it('forget a key that fades away', () => {
    const gateway = new Adaptive({ keys: 2 }).run({ perSecond: [100, 100, 0, 0], seconds: 30 });
    gateway.run({ perSecond: [0, 0, 300, 3], seconds: 240 });
    gateway.run({ perSecond: [0, 0, 300, 3], seconds: 60 });
    expect(gateway.kept[3] / gateway.sent[3]).toBeGreaterThan(0.9);
  });

  it('count back to what came, through all changes', () => {
    const gateway = new Adaptive({}, 4);
    for (const perSecond of [
      [500, 5, 1],
      [5000, 50, 1],
      [50, 500, 0.5],
      [900, 900, 900],
    ]) {
      gateway.run({ perSecond, seconds: 40 });
      gateway.sent.forEach((sent, key) => {
        const deviation = Math.sqrt(Math.max(1, (sent * (sent - gateway.kept[key])) / Math.max(1, gateway.kept[key])));
        expect(Math.abs(gateway.stoodFor[key] - sent), `key ${key} of ${perSecond}`).toBeLessThan(4.5 * deviation);
      });
    }
  });
});
