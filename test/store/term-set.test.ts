import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TermSet } from '../../src/store/term-set.ts';

const term = fc.oneof(
  fc.integer({ min: 1, max: 40 }),
  fc.integer().filter((n) => n !== 0),
  fc.constantFrom(-1, 2 ** 31, 2 ** 32 - 1),
);

it('holds what was added, each once and in order, as a Set does, trace after trace', () => {
  fc.assert(
    fc.property(fc.array(fc.array(term, { size: 'large' }), { maxLength: 4 }), (traces) => {
      const terms = new TermSet();
      for (const trace of traces) {
        terms.clear();
        const told = trace.map((one) => terms.add(one));
        const model = new Set<number>();
        expect(told).toEqual(trace.map((one) => model.size < model.add(one | 0).size));
        expect([...terms.values()]).toEqual([...model]);
        expect(trace.filter((one) => !terms.has(one))).toEqual([]);
        expect(terms.has(41)).toBe(model.has(41));
      }
    }),
  );
});

it('takes a hundred thousand terms, and forgets them with their memory', () => {
  const terms = new TermSet();
  for (let i = 1; i <= 100_000; i++) expect(terms.add(Math.imul(i, 0x9e3779b1))).toBe(true);
  expect(terms.size).toBe(100_000);
  expect(terms.add(Math.imul(77, 0x9e3779b1))).toBe(false);
  terms.clear();
  expect(terms.add(Math.imul(77, 0x9e3779b1))).toBe(true);
  expect([...terms.values()]).toEqual([Math.imul(77, 0x9e3779b1) | 0]);
});

it('takes terms that somebody chose to want one slot as fast as any', () => {
  const terms = new TermSet();
  const before = process.cpuUsage();
  // Folded in half, each of them is 0.
  for (let i = 1; i < 65_536; i++) terms.add((i << 16) | i);
  const { user } = process.cpuUsage(before);
  expect(terms.size).toBe(65_535);
  expect(user / 1000).toBeLessThan(500);
});
