import { describe, expect, it } from 'vitest';
import { beatMs, Town } from '../support/town.ts';

const seeds = Array.from({ length: 12 }, (_, seed) => seed);

/** Until all have the same list in force, and a beat more, in which they hear of each other's lists of before. */
async function startAll(town: Town, names: string): Promise<void> {
  const started = Promise.all([...names].map((name) => town.start(name)));
  await town.pass(200);
  await started;
}

async function settle(town: Town, names: string): Promise<void> {
  for (let n = 0; n < 100 && town.inForce.some((it) => it !== names); n++) await town.pass(100);
  expect(town.inForce).toEqual([...names].map(() => names));
  await town.pass(2 * beatMs);
}

describe('halves of a fleet that meet again', () => {
  const cuts: [string, string, (by: string, of: string) => boolean][] = [
    ['one of three from the others', 'abc', (by, of) => by === 'a' || of === 'a'],
    ['two of three from each other, which the third one reaches', 'abc', (by, of) => by !== 'c' && of !== 'c'],
    ['two of five from the others', 'abcde', (by, of) => 'ab'.includes(by) !== 'ab'.includes(of)],
    ['one way, two of four from the others', 'abcd', (by, of) => 'ab'.includes(by) && 'cd'.includes(of)],
  ];
  describe.each(cuts)('%s', (_, names, isCut) => {
    it.each(seeds)('keep new traces whole, seed %d', async (seed) => {
      const town = new Town(names, seed);
      await startAll(town, names);
      await town.pass(60_000);
      town.cut(isCut);
      await town.pass(14_000);
      town.cut(() => false);
      await settle(town, names);
      town.trace(150, 20_000);
      await town.pass(30_000);
      expect(town.split).toEqual([]);
    });
  });
});

describe('gateways that stop, start and are more', () => {
  it.each(seeds)('keep traces whole meanwhile, seed %d', async (seed) => {
    const town = new Town('abcd', seed);
    const passUntil = async (done: Promise<void>, ms: number): Promise<void> => {
      await town.pass(ms);
      await done;
    };
    for (const name of 'abc') await passUntil(town.start(name), 200);
    await town.pass(3_000);
    town.trace(150, 25_000);
    await town.pass(2_000);
    await passUntil(town.stop('b'), 6_000);
    await passUntil(town.start('b'), 5_000);
    await passUntil(town.start('d'), 5_000);
    await passUntil(town.stop('a'), 6_000);
    await town.pass(10_000);
    expect(town.split).toEqual([]);
  });
});

describe('gateways that start at once', () => {
  it.each(seeds)('keep traces whole as soon as they know of each other, seed %d', async (seed) => {
    const town = new Town('abcd', seed);
    await startAll(town, 'abcd');
    await settle(town, 'abcd');
    town.trace(150, 20_000);
    await town.pass(30_000);
    expect(town.split).toEqual([]);
  });
});
