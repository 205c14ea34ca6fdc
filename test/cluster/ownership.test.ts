import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Ownership } from '../../src/cluster/ownership.ts';
import { ownerOf as shardOf } from '../../src/route/route.ts';
import { random } from '../support/random.ts';

const named = (names: readonly string[]) => names.map((name) => ({ name, address: `${name}:4319` }));
const fleet = (count: number, prefix = 'tailgate-') => named(Array.from({ length: count }, (_, i) => `${prefix}${i}`));

/** The right halves of ids as generators make them. */
type Ids = (next: () => number, i: number) => readonly [high: number, low: number];
const word = (next: () => number): number => (next() * 2 ** 32) | 0;
const generators: Readonly<Record<string, Ids>> = {
  'random in all bytes': (next) => [word(next), word(next)],
  'AWS X-Ray: a date, then 96 random bits': (next) => [word(next), word(next)],
  'only 32 random bits at the right': (next) => [0, word(next)],
  'random in all but the last bytes': (next) => [word(next), word(next) & ~0xffff],
  'counted up': (_, i) => [0, i],
  'counted up in the upper word': (_, i) => [i, 0],
  'with the byte of a version and a variant as UUIDs have them': (next) => [
    (word(next) & 0x3fffffff) | 0x80000000,
    word(next),
  ],
};
const traces = 100_000;

function loads(owners: Ownership, ids: Ids, seed: number): Int32Array {
  const next = random(seed);
  const counts = new Int32Array(owners.members.length);
  for (let i = 0; i < traces; i++) counts[owners.ownerOf(...ids(next, i))]++;
  return counts;
}

describe('the owner of a trace', () => {
  it('is the same member, in whatever order and how often the list names it', () => {
    const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 12 });
    const id = fc.tuple(fc.integer(), fc.integer());
    fc.assert(
      fc.property(
        names,
        fc.array(id, { minLength: 20, maxLength: 20 }),
        fc.infiniteStream(fc.nat()),
        (list, ids, nat) => {
          const shuffled = [...list, ...list.slice(0, 3)]
            .map((name) => [nat.next().value as number, name] as const)
            .sort(([a], [b]) => a - b)
            .map(([, name]) => name);
          const [one, other] = [Ownership.of(named(list)), Ownership.of(named(shuffled))];
          const [first, second] = [one, other].map((owners) =>
            ids.map((it) => owners.members[owners.ownerOf(...it)].name),
          );
          expect(second).toEqual(first);
        },
      ),
    );
  });

  it('is its name’s alone: an address may change', () => {
    const [before, after] = [fleet(5), fleet(5).map((it) => ({ ...it, address: 'elsewhere:1' }))].map(Ownership.of);
    for (let i = 0; i < 1000; i++) expect(after.ownerOf(i, ~i)).toBe(before.ownerOf(i, ~i));
  });

  it('is nobody in a fleet of none, and the only one in a fleet of one', () => {
    expect(Ownership.of([]).ownerOf(1, 2)).toBe(-1);
    expect(Ownership.of(fleet(1)).ownerOf(1, 2)).toBe(0);
  });

  it('stays what it was: gateways of different versions must agree', () => {
    const owners = Ownership.of(fleet(8));
    const found = Array.from({ length: 16 }, (_, i) => owners.ownerOf(Math.imul(i, 0x9e3779b1), i));
    expect(found).toMatchInlineSnapshot(`
      [
        7,
        5,
        1,
        2,
        6,
        0,
        7,
        2,
        2,
        7,
        1,
        2,
        1,
        6,
        0,
        5,
      ]
    `);
  });
});

describe('the load of 100,000 traces', () => {
  it.each(Object.entries(generators))('is even over 8 members: ids %s', (_, ids) => {
    for (const [seed, prefix] of ['tailgate-', 'gw-eu-west-1a-', '10.0.3.', ''].entries()) {
      const counts = loads(Ownership.of(fleet(8, prefix)), ids, seed);
      expect(Math.max(...counts) / (traces / 8)).toBeLessThan(1.1);
      expect(Math.min(...counts) / (traces / 8)).toBeGreaterThan(0.9);
    }
  });

  it.each([2, 3, 16, 50])('is as even as chance over %i members', (count) => {
    const counts = loads(Ownership.of(fleet(count)), generators['random in all bytes'], count);
    // Pearson's χ²; four standard deviations above what is expected of it.
    const mean = traces / count;
    const chi2 = counts.reduce((sum, n) => sum + (n - mean) ** 2 / mean, 0);
    expect(chi2).toBeLessThan(count - 1 + 4 * Math.sqrt(2 * (count - 1)) + 4);
  });

  it.each(Object.entries(generators).slice(0, 3))('of one member is even over its shards: ids %s', (_, ids) => {
    const owners = Ownership.of(fleet(8));
    const next = random(7);
    const counts = Array.from({ length: 8 }, () => new Int32Array(4));
    for (let i = 0; i < traces; i++) {
      const id = ids(next, i);
      counts[owners.ownerOf(...id)][shardOf(id[1], 4)]++;
    }
    for (const shards of counts)
      for (const count of shards) expect(count / (traces / 32)).toSatisfy((it: number) => it > 0.9 && it < 1.1);
  });

  it('is what shareOf says', () => {
    const owners = Ownership.of(fleet(4));
    const counts = loads(owners, generators['random in all bytes'], 1);
    for (const [i, count] of counts.entries()) expect(owners.shareOf(i)).toBeCloseTo(count / traces, 1);
  });
});

describe('a change of the list', () => {
  const before = Ownership.of(fleet(8));

  it('moves nothing but to who came', () => {
    const after = Ownership.of(fleet(9));
    const next = random(1);
    const heirs: string[] = [];
    for (let i = 0; i < traces; i++) {
      const [high, low] = [word(next), word(next)];
      const [from, to] = [before.members[before.ownerOf(high, low)].name, after.members[after.ownerOf(high, low)].name];
      if (from !== to) heirs.push(to);
    }
    expect(new Set(heirs)).toEqual(new Set(['tailgate-8']));
    expect(heirs.length / (traces / 9)).toBeCloseTo(1, 1);
  });

  it('moves nothing but what somebody had who went, evenly to those that stay', () => {
    const after = Ownership.of(fleet(8).filter(({ name }) => name !== 'tailgate-3'));
    const next = random(2);
    const losers = new Set<string>();
    const heirs = new Map<string, number>();
    for (let i = 0; i < traces; i++) {
      const [high, low] = [word(next), word(next)];
      const [from, to] = [before.members[before.ownerOf(high, low)].name, after.members[after.ownerOf(high, low)].name];
      if (from === to) continue;
      losers.add(from);
      heirs.set(to, (heirs.get(to) ?? 0) + 1);
    }
    expect(losers).toEqual(new Set(['tailgate-3']));
    expect(heirs.size).toBe(7);
    for (const count of heirs.values()) expect(count / (traces / 56)).toSatisfy((it: number) => it > 0.85 && it < 1.15);
  });
});
