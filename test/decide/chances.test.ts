import { describe, expect, it } from 'vitest';
import { Chances } from '../../src/decide/chances.ts';
import { random } from '../support/random.ts';

type Chance = [from: number, luck: number, source?: number, drops?: boolean];

function together(floor: number, ...each: Chance[]) {
  const chances = new Chances();
  for (const chance of each) chances.add(...chance);
  const total = chances.total(floor);
  return { total, from: chances.from, sureFrom: chances.sureFrom };
}

describe('chances together', () => {
  it.each<[string, Chance[], number, number, number]>([
    ['nobody', [], 0, 1, 1],
    ['a share', [[0.9, 1]], 0.1, 0.9, 0.9],
    [
      'two shares contain each other',
      [
        [0.9, 1],
        [0.8, 1],
      ],
      0.2,
      0.8,
      0.8,
    ],
    ['a limiter', [[0, 0.25]], 0.25, 0, 1],
    [
      'a limiter beside a share',
      [
        [0, 0.5],
        [0.9, 1],
      ],
      0.55,
      0,
      0.9,
    ],
    ['a limiter of a share', [[0.9, 0.5]], 0.05, 0.9, 1],
    [
      'two limiters',
      [
        [0, 0.5],
        [0, 0.5],
      ],
      0.75,
      0,
      1,
    ],
    [
      'two hashes of one salt',
      [
        [0, 0.2, 7],
        [0, 0.1, 7],
        [0, 0.2, 7],
      ],
      0.2,
      0,
      1,
    ],
    [
      'two hashes of two salts',
      [
        [0, 0.5, 7],
        [0, 0.5, 8],
      ],
      0.75,
      0,
      1,
    ],
    [
      'all, but for a dropped share',
      [
        [0, 1],
        [0.05, 1, 0, true],
      ],
      0.05,
      0,
      1,
    ],
    [
      'a share, half of it dropped',
      [
        [0.8, 1],
        [0.9, 1, 0, true],
      ],
      0.1,
      0.8,
      1,
    ],
    [
      'a share, dropped by a limiter',
      [
        [0.8, 1],
        [0, 0.5, 0, true],
      ],
      0.1,
      0.8,
      1,
    ],
  ])('%s', (_, each, total, from, sureFrom) => {
    const found = together(0, ...each);
    expect(found.total).toBeCloseTo(total, 12);
    expect(found.from).toBe(from);
    if (!each.some(([, , , drops]) => drops)) expect(found.sureFrom).toBe(sureFrom);
    // Whatever the order.
    expect(together(0, ...each.toReversed()).total).toBeCloseTo(total, 12);
  });

  it('count only what reaches the floor', () => {
    expect(together(0.5, [0, 0.5], [0.9, 1])).toEqual({ total: expect.closeTo(0.3, 12), from: 0.5, sureFrom: 0.9 });
    expect(together(0.95, [0, 0.5], [0.9, 1])).toEqual({ total: expect.closeTo(0.05, 12), from: 0.95, sureFrom: 0.95 });
  });

  it('are what a million throws come to', () => {
    const next = random(3);
    for (let story = 0; story < 10; story++) {
      const each = Array.from({ length: 1 + Math.floor(next() * 4) }, (): Chance => {
        const from = next() < 0.4 ? 0 : next();
        return [from, next() < 0.4 ? 1 : next(), 0, next() < 0.25];
      });
      let kept = 0;
      const throws = 100_000;
      for (let i = 0; i < throws; i++) {
        const randomness = next();
        const says = each.map(([from, luck]) => randomness >= from && next() < luck);
        const isDropped = each.some(([, , , drops], n) => drops && says[n]);
        if (!isDropped && each.some(([, , , drops], n) => !drops && says[n])) kept++;
      }
      expect(together(0, ...each).total).toBeCloseTo(kept / throws, 2);
    }
  });
});

it('lucks of sources, at either end, that keep and drop come to what all outcomes together come to', () => {
  const next = random(11);
  for (let round = 0; round < 400; round++) {
    const each = Array.from({ length: 1 + Math.floor(next() * 5) }, () => ({
      from: Math.floor(next() * 4) / 4,
      luck: Math.ceil(next() * 4) / 4,
      source: Math.floor(next() * 3),
      drops: next() < 0.3,
      isUpper: next() < 0.4,
    }));
    const chances = new Chances();
    for (const { from, luck, source, drops, isUpper } of each) chances.add(from, luck, source, drops, 1, isUpper);
    const draws = each.map(({ source }, i) => (source === 0 ? -1 - i : source));
    const sources = [...new Set(draws)];
    let kept = 0;
    for (let n = 0; n < 4 ** (sources.length + 1); n++) {
      const drawn = (place: number): number => Math.floor(n / 4 ** place) % 4;
      const randomness = drawn(sources.length) / 4;
      const has = each.filter(({ from, luck, isUpper }, i) => {
        const of = drawn(sources.indexOf(draws[i]));
        return (isUpper ? 3 - of : of) < luck * 4 && randomness >= from;
      });
      if (has.length > 0 && has.every(({ drops }) => !drops)) kept++;
    }
    expect(chances.total(), JSON.stringify(each)).toBeCloseTo(kept / 4 ** (sources.length + 1), 12);
  }
});
