import type { Member } from '../model/member.ts';

/** What names a trace's owner among the members of one list. */
interface Owners {
  readonly members: readonly Member[];
  ownerOf(high: number, low: number): number;
}

/** The names of the members that a slice came by, this one last; empty: straight from a sender. */
export type Visited = readonly string[];

/** However lists contradict each other, a slice is taken where it is when it has been to so many. */
export const mostVisits = 8;

/** A trace's owners by all lists that are remembered, oldest first, without repetition side by side; one object a path. */
export interface Path {
  /** Counts up from 0 as paths are found. */
  readonly number: number;
  readonly names: readonly string[];
  /** Where in `names` what comes from senders begins: the owner by the oldest list that counts. */
  readonly start: number;
}

interface Step {
  readonly names: readonly string[];
  readonly next: Map<number, Step>;
  /** By where they start. */
  readonly paths: Map<number, Path>;
}

const step = (names: readonly string[]): Step => ({ names, next: new Map(), paths: new Map() });

/** Paths of traces by the lists that count. A trace costs a hash of its id for each list and member, and no garbage. */
export class FleetPaths {
  readonly #lists: readonly Owners[];
  /** By list, the places of its members among all names. */
  readonly #places: readonly Int32Array[];
  readonly #names: readonly string[];
  readonly #first: number;
  readonly #start = step([]);
  readonly #paths: Path[] = [];

  /** `first`: which of the lists is the oldest that counts. `gone`: members that nobody asks; what they had is lost. */
  constructor(lists: readonly Owners[], first = 0, gone: ReadonlySet<string> = new Set()) {
    this.#lists = lists;
    this.#first = first;
    this.#names = [...new Set(lists.flatMap(({ members }) => members.map(({ name }) => name)))];
    const placeOf = new Map(this.#names.map((name, place) => [name, gone.has(name) ? -1 : place]));
    this.#places = lists.map(({ members }) => Int32Array.from(members, ({ name }) => placeOf.get(name) as number));
  }

  /** Paths found so far, by number. */
  get found(): readonly Path[] {
    return this.#paths;
  }

  /** Of a trace by words 3 and 4 of its id; where there is nobody, one without names. */
  of(high: number, low: number): Path {
    let at = this.#start;
    let last = -1;
    let start = -1;
    for (let i = 0; i < this.#lists.length; i++) {
      const owner = this.#lists[i].ownerOf(high, low);
      const place = owner < 0 ? -1 : this.#places[i][owner];
      if (place >= 0 && place !== last) at = at.next.get(place) ?? this.#add(at, place);
      if (place >= 0) last = place;
      if (place >= 0 && start < 0 && i >= this.#first) start = at.names.length - 1;
    }
    return at.paths.get(start) ?? this.#end(at, start);
  }

  #add(to: Step, place: number): Step {
    const next = step([...to.names, this.#names[place]]);
    to.next.set(place, next);
    return next;
  }

  #end(at: Step, start: number): Path {
    const path = { number: this.#paths.length, names: at.names, start };
    at.paths.set(start, path);
    this.#paths.push(path);
    return path;
  }
}

/**
 * Which member a slice goes to next that came to `self`, whose view of its trace's path is `own`; undefined = it stays.
 * `isKnown`: the trace waits here, or its verdict is remembered. Everybody begins at the oldest owner, and a member that
 * knows of none after itself takes what is unknown, so that the first one on the path that has a trace, or would take it,
 * is the same for all: docs/decisions/0014-fleet.md.
 */
export function nextOn(
  { names, start }: Pick<Path, 'names' | 'start'>,
  self: string,
  visited: Visited,
  isKnown: boolean,
): string | undefined {
  if (isKnown || visited.length >= mostVisits) return undefined;
  if (visited.length === 0) return names[start] === self ? names[start + 1] : names[start];
  const at = placeIn(names, self, visited);
  return at < 0 ? undefined : names[at + 1];
}

/**
 * Where on its path a member stands that a slice came to by `visited`: where the two overlap most without contradiction,
 * the first such place; behind the path's end where whoever sent it knows of later lists. Where they contradict each
 * other, the member's first place; −1: it has none.
 */
function placeIn(names: readonly string[], self: string, visited: Visited): number {
  let place = names.indexOf(self);
  let most = 0;
  for (let at = 0; at < names.length + visited.length - 1; at++) {
    const overlap = overlapOf(names, visited, at);
    if (overlap > most) place = at;
    most = Math.max(most, overlap);
  }
  return place;
}

/** How many of `visited`, its last one at `at`, stand at their places on the path; 0 where one does not. */
function overlapOf(names: readonly string[], visited: Visited, at: number): number {
  const from = Math.max(0, at - visited.length + 1);
  const to = Math.min(at, names.length - 1);
  for (let i = from; i <= to; i++) if (names[i] !== visited[visited.length - 1 - at + i]) return 0;
  return to - from + 1;
}
