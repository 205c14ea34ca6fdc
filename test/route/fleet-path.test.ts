import { describe, expect, it } from 'vitest';
import { Lists } from '../../src/cluster/lists.ts';
import { Ownership } from '../../src/cluster/ownership.ts';
import type { Member } from '../../src/model/member.ts';
import { FleetPaths, mostVisits, nextOn, type Visited } from '../../src/route/fleet-path.ts';
import { random } from '../support/random.ts';

const members = (names: string): Member[] => [...names].map((name) => ({ name, address: `${name}:4319` }));
const pathsOf = (...lists: string[]) => new FleetPaths(lists.map((names) => Ownership.of(members(names))));

describe("a trace's path", () => {
  it('is its owner where one list counts', () => {
    const paths = pathsOf('abc');
    for (let low = 0; low < 100; low++) expect(paths.of(7, low).names).toHaveLength(1);
    expect(paths.found.length).toBe(3);
  });

  it('begins at the owner by the oldest list, and names nobody twice in a row', () => {
    const paths = pathsOf('ab', 'abc');
    const found = new Set(Array.from({ length: 1_000 }, (_, low) => paths.of(7, low).names.join('')));
    expect([...found].sort()).toEqual(['a', 'ac', 'b', 'bc']);
  });

  it('leaves out who is gone', () => {
    const paths = new FleetPaths([Ownership.of(members('ab')), Ownership.of(members('b'))], 0, new Set(['a']));
    for (let low = 0; low < 100; low++) expect(paths.of(7, low).names).toEqual(['b']);
  });
});

describe('a slice', () => {
  const next = (own: string, visited: string, isKnown = false) =>
    nextOn({ names: [...own], start: 0 }, visited.at(-1) ?? 'x', [...visited], isKnown) ?? '';
  const ofSender = (own: string, self: string, start = 0) => nextOn({ names: [...own], start }, self, [], false) ?? '';

  it('goes to the owner, in one hop, and stays there', () => {
    expect(ofSender('b', 'a')).toBe('b');
    expect(ofSender('b', 'b')).toBe('');
    expect(next('b', 'b')).toBe('');
  });

  it('goes to the old owner first, and from there to the new one, unless it is known', () => {
    expect(ofSender('ab', 'c')).toBe('a');
    expect(ofSender('ab', 'b')).toBe('a');
    expect(ofSender('ab', 'a')).toBe('b');
    expect(next('ab', 'a')).toBe('b');
    expect(next('ab', 'a', true)).toBe('');
    expect(next('ab', 'ab')).toBe('');
  });

  it('stays with the owner that has not heard of a newer list', () => {
    expect(next('a', 'a')).toBe('');
    expect(next('ab', 'ab')).toBe('');
    // It has not even heard that it is an owner.
    expect(next('a', 'ab')).toBe('');
  });

  it('goes on from an old owner wherever it came from', () => {
    expect(next('ab', 'ca')).toBe('b');
    expect(next('cab', 'a')).toBe('b');
  });

  it('of a sender begins where lists count, and finds its place on a longer path', () => {
    expect(ofSender('abc', 'x', 1)).toBe('b');
    expect(ofSender('abc', 'b', 1)).toBe('c');
    expect(next('abc', 'b')).toBe('c');
  });

  it('passes an owner of both the first and the last list twice', () => {
    expect(next('aba', 'a')).toBe('b');
    expect(next('aba', 'ab')).toBe('a');
    expect(next('aba', 'aba')).toBe('');
  });

  it('ends somewhere, whatever the members think', () => {
    const visited = ['a'];
    while (visited.length < 100) {
      const self = visited.at(-1) as string;
      const to = nextOn({ names: self === 'a' ? ['a', 'b'] : ['b', 'a'], start: 0 }, self, visited, false);
      if (to === undefined) break;
      visited.push(to);
    }
    expect(visited.length).toBeLessThanOrEqual(mostVisits);
  });
});

/** Milliseconds. Members hear of a change within `skewMs` of each other; changes follow each other within a wait. */
const waitMs = 3_000;
const skewMs = 400;
const callMs = 50;
const windows = { countsMs: waitMs + skewMs, remembersMs: waitMs + 2 * skewMs + 1_000 };

interface Simulated {
  readonly lists: Lists;
  readonly traces: Set<number>;
}

/** Spans of traces over members whose lists change at different moments; how many members judge each trace. */
function simulate(seed: number, { leastApartMs = 1_500, traces = 150, remembers = true } = {}) {
  const next = random(seed);
  const below = (n: number): number => Math.floor(next() * n);
  const events: { at: number; run: (at: number) => void }[] = [];
  const at = (when: number, run: (at: number) => void): void => void events.push({ at: when, run });
  let inForce = 'abc';
  const fleet = new Map<string, Simulated>();
  const join = (name: string, now: number): void => {
    const own = fleet.get(name)?.traces ?? new Set<number>();
    // What joins hears from the others of the lists that count.
    const lists = new Lists(members(inForce.replace(name, '')), windows);
    for (const [, other] of fleet)
      for (const { members: list, endedAt } of other.lists.past) lists.learn(list, now - endedAt, now, false);
    fleet.set(name, { lists, traces: own });
  };
  for (const name of inForce) fleet.set(name, { lists: new Lists(members(inForce), windows), traces: new Set() });
  const route = (trace: number, self: string, visited: Visited, now: number): void => {
    const member = fleet.get(self) as Simulated;
    member.lists.expire(now);
    const paths = new FleetPaths(
      member.lists.all.map((list) => Ownership.of(list)),
      member.lists.first(now),
    );
    const high = Math.imul(trace, 0x9e3779b1);
    const path = paths.of(high, trace);
    const owner = { names: path.names.slice(-1), start: 0 };
    const to = nextOn(remembers ? path : owner, self, visited, remembers && member.traces.has(trace));
    if (to === undefined) member.traces.add(trace);
    else at(now + below(callMs), (then) => route(trace, to, [...visited, to], then));
  };
  const change = (now: number): void => {
    const others = [...'abcdef'].filter((name) => !inForce.includes(name));
    const joins = inForce.length < 3 || (inForce.length < 5 && next() < 0.5);
    const name = joins ? others[below(others.length)] : inForce[below(inForce.length)];
    const list = joins ? [...inForce, name].sort().join('') : inForce.replace(name, '');
    if (joins) join(name, now);
    inForce = list;
    for (const [, { lists }] of fleet) {
      const heard = now + below(skewMs);
      at(heard, (then) => lists.change(members(list), then));
    }
  };
  let last = 0;
  for (let i = 0; i < 8; i++) {
    last += leastApartMs + below(leastApartMs);
    at(last, change);
  }
  for (let trace = 0; trace < traces; trace++) {
    const first = below(last + 2_000);
    for (let span = 0; span < 6; span++)
      at(first + below(waitMs - 10 * callMs), (now) => route(trace, inForce[below(inForce.length)], [], now));
  }
  while (events.length > 0) {
    let soonest = 0;
    for (let i = 1; i < events.length; i++) if (events[i].at < events[soonest].at) soonest = i;
    const [event] = events.splice(soonest, 1);
    event.run(event.at);
  }
  return Array.from({ length: traces }, (_, trace) => [...fleet.values()].filter((it) => it.traces.has(trace)).length);
}

describe('a fleet whose members come and go', () => {
  it.each(Array.from({ length: 12 }, (_, seed) => seed))('keeps every trace whole, seed %d', (seed) => {
    const judges = simulate(seed);
    expect(judges.filter((count) => count !== 1)).toEqual([]);
  });

  it('would split many, if each span went to the owner of the moment', () => {
    const judges = simulate(1, { remembers: false });
    expect(judges.filter((count) => count > 1).length).toBeGreaterThan(10);
  });
});
