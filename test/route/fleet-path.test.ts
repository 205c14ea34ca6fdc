import { describe, expect, it } from 'vitest';
import { Lists } from '../../src/cluster/lists.ts';
import { Ownership } from '../../src/cluster/ownership.ts';
import type { Member } from '../../src/model/member.ts';
import { FleetPaths, fromSender, mostVisits, type Way } from '../../src/route/fleet-path.ts';
import { random } from '../support/random.ts';
import { ownedLists } from '../support/town.ts';

const members = (names: string): Member[] => [...names].map((name) => ({ name, address: `${name}:4319` }));
const listsOf = (...lists: string[]) =>
  ownedLists(lists.map((names, i) => ({ members: members(names), generation: i + 1, epoch: '00000000' })));
const pathsOf = (...lists: string[]) => new FleetPaths(listsOf(...lists));

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
    const paths = new FleetPaths(listsOf('ab', 'b'), 0, new Set(['a']));
    for (let low = 0; low < 100; low++) expect(paths.of(7, low).names).toEqual(['b']);
  });
});

describe('a slice', () => {
  /** A path by its owners, the first by the list of generation 1, and by what is known of it where. */
  const known = (owners: string, first = 0) => {
    const lists = [...owners].map((name, i) => ({ ...place(i + 1), owners: Ownership.of(members(name)) }));
    const paths = new FleetPaths(lists, first);
    return { paths, path: paths.of(7, 7) };
  };
  const place = (generation: number) => ({ generation, epoch: '00000000' });
  const ofSender = (owners: string, self: string, first = 0) => {
    const { paths, path } = known(owners, first);
    return paths.next(path, self, fromSender)?.name ?? '';
  };
  /** It came by the list of that generation. */
  const next = (owners: string, self: string, generation: number, isLast = false) => {
    const { paths, path } = known(owners);
    const to = paths.next(path, self, { visited: [self], at: { ...place(generation), isLast } });
    return to === undefined ? '' : `${to.name}${to.at.generation}${to.at.isLast ? ' last' : ''}`;
  };

  it('goes to the owner, in one hop, and stays there', () => {
    expect(ofSender('b', 'a')).toBe('b');
    expect(ofSender('b', 'b')).toBe('');
    expect(next('b', 'b', 1, true)).toBe('');
  });

  it('goes to the old owner first, and from there to the new one', () => {
    expect(ofSender('ab', 'c')).toBe('a');
    expect(ofSender('ab', 'b')).toBe('a');
    expect(ofSender('ab', 'a')).toBe('b');
    expect(next('ab', 'a', 1)).toBe('b2 last');
    expect(next('ab', 'b', 2, true)).toBe('');
  });

  it('stays with the owner that has not heard of a newer list, if whoever sent it knows of nobody after that one', () => {
    expect(next('a', 'a', 1, true)).toBe('');
    // It has not even heard that it is an owner.
    expect(next('a', 'b', 2, true)).toBe('');
  });

  it('goes to the owner by the list in force from one that has not heard of that by which it came, nor of later ones', () => {
    expect(next('a', 'b', 2)).toBe('a2 last');
    // There it goes on by the lists that are known there.
    expect(next('abc', 'a', 2, true)).toBe('c3 last');
    expect(next('a', 'a', 2, true)).toBe('');
  });

  it('goes on from an old owner wherever it came from', () => {
    expect(next('cab', 'a', 2)).toBe('b3 last');
    expect(next('ab', 'a', 1, true)).toBe('b2 last');
  });

  it('of a sender begins where lists count', () => {
    expect(ofSender('abc', 'x', 1)).toBe('b');
    expect(ofSender('abc', 'b', 1)).toBe('c');
  });

  it('passes an owner of both the first and the last list twice', () => {
    expect(next('aba', 'a', 1)).toBe('b2');
    expect(next('aba', 'b', 2)).toBe('a3 last');
    expect(next('aba', 'a', 3, true)).toBe('');
    // And in between, where the list came and went more than once.
    expect(next('ababc', 'b', 2)).toBe('a3');
    expect(next('ababc', 'b', 4)).toBe('c5 last');
  });

  describe('goes in no circle where members know of different lists', () => {
    type Known = Readonly<Record<string, Readonly<Record<number, string>>>>;
    const way = (known: Known, self: string, from: Way): string => {
      const lists = Object.entries(known[self]);
      const paths = new FleetPaths(
        lists.map(([n, name]) => ({ ...place(Number(n)), owners: Ownership.of(members(name)) })),
      );
      const to = paths.next(paths.of(7, 7), self, from);
      return to ? to.name + way(known, to.name, { visited: [...from.visited, to.name], at: to.at }) : '';
    };

    it('one has not heard of the list by which it is an owner', () => {
      const known = { a: { 3: 'b', 5: 'b' }, b: { 3: 'b', 4: 'c', 5: 'b' }, c: { 3: 'b', 5: 'b' } };
      expect(way(known, 'a', fromSender)).toBe('bcb');
    });

    it('each has the other one as the owner before and behind', () => {
      const known = { a: { 4: 'b', 7: 'c' }, b: { 3: 'c', 6: 'c' }, c: { 2: 'b', 5: 'b' } };
      expect(way(known, 'a', fromSender)).toBe('bc');
    });
  });

  it('is brought to the owner by the list in force when it has been to many', () => {
    const { paths, path } = known('abcdefghij');
    const visited = [...'abcdefg'];
    expect(paths.next(path, 'g', { visited, at: { ...place(7), isLast: false } })?.name).toBe('j');
    const way = { visited: [...visited, 'h'], at: { ...place(8), isLast: false } };
    expect(paths.next(path, 'h', way)).toBeUndefined();
    expect(way.visited).toHaveLength(mostVisits);
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
    for (const [, other] of fleet) {
      lists.advance(other.lists.inForce.generation);
      for (const { endedAt, ...list } of other.lists.past) lists.learn(list, now - endedAt, now, false);
    }
    fleet.set(name, { lists, traces: own });
  };
  for (const name of inForce) fleet.set(name, { lists: new Lists(members(inForce), windows), traces: new Set() });
  const route = (trace: number, self: string, way: Way, now: number): void => {
    const member = fleet.get(self) as Simulated;
    member.lists.expire(now);
    const all = ownedLists(remembers ? member.lists.all : [member.lists.inForce]);
    const paths = new FleetPaths(all, remembers ? member.lists.first(now) : 0);
    const path = paths.of(Math.imul(trace, 0x9e3779b1), trace);
    const next = remembers && member.traces.has(trace) ? undefined : paths.next(path, self, way);
    if (next === undefined) return void member.traces.add(trace);
    const onward = { visited: [...way.visited, next.name], at: next.at };
    at(now + below(callMs), (then) => route(trace, next.name, onward, then));
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
      at(first + below(waitMs - 10 * callMs), (now) => route(trace, inForce[below(inForce.length)], fromSender, now));
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
