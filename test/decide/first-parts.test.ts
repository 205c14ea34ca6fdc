import { describe, expect, it } from 'vitest';
import { FirstParts } from '../../src/decide/first-parts.ts';
import { highOf, lowOf } from '../../src/model/inclusion.ts';
import { random } from '../support/random.ts';

interface Part {
  readonly from: number;
  readonly until: number;
  readonly luck: number;
  readonly source: number;
  readonly isUpper: boolean;
  readonly passes: number;
}

const reckoned = (parts: readonly Part[]): FirstParts => {
  const first = new FirstParts();
  first.clear();
  for (const { from, passes, ...part } of parts) {
    const test = { ...part, thresholdHigh: highOf(from), thresholdLow: lowOf(from), ask: () => true };
    first.add(test, passes);
  }
  first.reckon();
  return first;
};

const luckAt = ({ stretches, count }: FirstParts, randomness: number): number =>
  stretches.slice(0, count).find(({ from, until }) => randomness >= from && randomness < until)?.luck ?? 0;

/** Lucks in quarters: every outcome of all sources is tried, and each is as likely as any other. */
function tried(parts: readonly Part[], randomness: number): number {
  const draws = parts.map(({ source }, i) => (source === 0 ? -1 - i : source));
  const sources = [...new Set(draws)];
  let sum = 0;
  for (let n = 0; n < 4 ** sources.length; n++) {
    const holds = ({ luck, isUpper, from, until }: Part, i: number): boolean => {
      const drawn = Math.floor(n / 4 ** sources.indexOf(draws[i])) % 4;
      return (isUpper ? 3 - drawn : drawn) < luck * 4 && randomness >= from && randomness < until;
    };
    sum += parts.find(holds)?.passes ?? 0;
  }
  return sum / 4 ** sources.length;
}

describe('of parts by chance, the first that holds', () => {
  it('comes to what all outcomes together come to, whatever the parts share', () => {
    const next = random(7);
    for (let round = 0; round < 300; round++) {
      const parts = Array.from({ length: 1 + Math.floor(next() * 6) }, (): Part => {
        const from = Math.floor(next() * 4) / 4;
        return {
          from,
          until: Math.min(1, from + Math.ceil(next() * 4) / 4),
          luck: Math.ceil(next() * 4) / 4,
          source: Math.floor(next() * 3),
          isUpper: next() < 0.3,
          passes: Math.floor(next() * 3) / 2,
        };
      });
      const first = reckoned(parts);
      for (const randomness of [0.1, 0.3, 0.6, 0.9])
        expect(luckAt(first, randomness), JSON.stringify(parts)).toBeCloseTo(tried(parts, randomness), 12);
    }
  });

  it('is as exact where there are many', () => {
    const each = { from: 0, until: 1, source: 0, isUpper: false, luck: 1 / 8 };
    const parts = Array.from({ length: 128 }, (_, i) => ({ ...each, passes: i % 2 }));
    // Of a geometric distribution, the odd ones.
    const odd = ((7 / 8) * (1 / 8) * (1 - (7 / 8) ** 128)) / (1 - (7 / 8) ** 2);
    expect(luckAt(reckoned(parts), 0.5)).toBeCloseTo(odd, 12);
  });

  it('is asked no further behind one that is sure', () => {
    const sure = { from: 0.5, until: 1, source: 0, isUpper: false, luck: 1, passes: 0 };
    const first = reckoned([sure, { ...sure, from: 0, passes: 1 }]);
    expect([luckAt(first, 0.25), luckAt(first, 0.75)]).toEqual([1, 0]);
  });
});
