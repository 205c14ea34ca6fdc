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
