import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Placed, Roster } from '../../src/receive/roster.ts';

it('holds what was added and not deleted, whatever the order', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(19)), (steps) => {
      const members: Placed[] = Array.from({ length: 20 }, () => ({ place: -1 }));
      const roster = new Roster<Placed>();
      const expected = new Set<Placed>();
      for (const step of steps) {
        const member = members[step];
        // As a request does: it comes once and goes once.
        if (expected.has(member)) expect(roster.delete(member)).toBe(expected.delete(member));
        else {
          expect(roster.delete(member)).toBe(false);
          roster.add(member);
          expected.add(member);
        }
        expect(roster.size).toBe(expected.size);
        expect(new Set(roster.all())).toEqual(expected);
        for (let place = 0; place < roster.size; place++) expect(roster.at(place).place).toBe(place);
      }
    }),
  );
});

it('can be walked from its end while those that are met leave', () => {
  const roster = new Roster<Placed>();
  for (let i = 0; i < 5; i++) roster.add({ place: -1 });
  const met = new Set<Placed>();
  for (let place = roster.size - 1; place >= 0; place--) {
    const member = roster.at(place);
    met.add(member);
    if (place % 2 === 0) roster.delete(member);
  }
  expect(met.size).toBe(5);
  expect(roster.size).toBe(2);
});
