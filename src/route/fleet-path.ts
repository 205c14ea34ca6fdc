import { compareLists, type MemberList } from '../model/fleet.ts';
import type { Member } from '../model/member.ts';

/** What names a trace's owner among the members of one list. */
interface Owners {
  readonly members: readonly Member[];
  ownerOf(high: number, low: number): number;
}

type ListPlace = Omit<MemberList, 'members'>;

/** A list, its place among the others, and the owners by it. */
export type OwnedList = ListPlace & { readonly owners: Owners };

/** By which list a slice was passed on, and whether that was the last one that its sender knows of. */
export type Position = ListPlace & { readonly isLast: boolean };

/** How a slice came here. */
export interface Way {
  /** The names of the members that it came by, this one last; empty: straight from a sender. */
  readonly visited: readonly string[];
  /** Undefined from a sender, and from members that do not say so. */
  readonly at: Position | undefined;
}

export const fromSender: Way = { visited: [], at: undefined };

/** A slice that has been to so many is taken where it is: a call within a call has ever less time. */
export const mostVisits = 8;

/** A trace's owners by all lists that are remembered, oldest first, without repetition side by side; one object a path. */
export interface Path {
  /** Counts up from 0 as paths are found. */
  readonly number: number;
  readonly names: readonly string[];
  /** Of each name, the first list by which it is the owner, by its place among the lists. */
  readonly lists: readonly number[];
  /** Where in `names` what comes from senders begins: the owner by the oldest list that counts. */
  readonly start: number;
}

interface Step {
  readonly names: readonly string[];
  readonly lists: readonly number[];
  readonly next: Map<number, Step>;
  /** By where they start. */
  readonly paths: Map<number, Path>;
}

const step = (names: readonly string[], lists: readonly number[]): Step => ({
  ...{ names, lists },
  next: new Map(),
  paths: new Map(),
});

/** Paths of traces by the lists that count. A trace costs a hash of its id for each list and member, and no garbage. */
export class FleetPaths {
  readonly #lists: readonly OwnedList[];
  /** By list, the places of its members among all names. */
  readonly #places: readonly Int32Array[];
  readonly #names: readonly string[];
  readonly #first: number;
  readonly #start = step([], []);
  readonly #paths: Path[] = [];

  /** `first`: which of the lists is the oldest that counts. `gone`: members that nobody asks; what they had is lost. */
  constructor(lists: readonly OwnedList[], first = 0, gone: ReadonlySet<string> = new Set()) {
    this.#lists = lists;
    this.#first = first;
    const membersOf = ({ owners }: OwnedList): readonly Member[] => owners.members;
    this.#names = [...new Set(lists.flatMap((list) => membersOf(list).map(({ name }) => name)))];
    const placeOf = new Map(this.#names.map((name, place) => [name, gone.has(name) ? -1 : place]));
    this.#places = lists.map((list) => Int32Array.from(membersOf(list), ({ name }) => placeOf.get(name) as number));
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
      const owner = this.#lists[i].owners.ownerOf(high, low);
      const place = owner < 0 ? -1 : this.#places[i][owner];
      if (place >= 0 && place !== last) at = at.next.get(this.#keyOf(i, place)) ?? this.#add(at, i, place);
      if (place >= 0) last = place;
      if (place >= 0 && start < 0 && i >= this.#first) start = at.names.length - 1;
    }
    return at.paths.get(start) ?? this.#end(at, start);
  }

  /**
   * Which member a slice goes to next that came to `self` and is unknown there, and by which list; undefined = it stays.
   *
   * Everybody begins at the oldest owner, and each passes on by a later list than the one by which the slice came: so
   * there are no circles, and all slices of a trace meet the owners in the same order. Who knows of no later list takes
   * it, if whoever sent it did not either; else it goes to the owner by the list in force, that they all end with:
   * docs/decisions/0014-fleet.md.
   */
  next(path: Path, self: string, { visited, at }: Way): { readonly name: string; readonly at: Position } | undefined {
    const { names } = path;
    const last = names.length - 1;
    if (last < 0 || visited.length >= mostVisits) return undefined;
    let to = at === undefined ? path.start : this.#after(path, at);
    if (names[to] === self) to++;
    const isOver = to > last;
    if (isOver && at?.isLast !== false) return undefined;
    if (isOver || visited.length === mostVisits - 1) to = last;
    if (to < 0 || names[to] === self) return undefined;
    return { name: names[to], at: { ...this.#placeOf(path, to, at), isLast: to === last } };
  }

  /** The first step of a path that a list later than `at` belongs to; behind its end where there is none. */
  #after({ names, lists }: Path, at: Position): number {
    for (let to = 0; to < names.length; to++)
      if (compareLists(this.#lists[this.#endOf(lists, to) - 1], at) > 0) return to;
    return names.length;
  }

  /** By which of a step's lists, in all of which it has the same owner: the first that is later than `at`. */
  #placeOf({ lists }: Path, to: number, at: Position | undefined): ListPlace {
    for (let list = lists[to]; list < this.#endOf(lists, to); list++) {
      const { generation, epoch } = this.#lists[list];
      if (at === undefined || compareLists({ generation, epoch }, at) > 0) return { generation, epoch };
    }
    // It came by a later one than any that is known here.
    return at as Position;
  }

  /** Behind the lists of a step. */
  #endOf(lists: Path['lists'], to: number): number {
    return lists[to + 1] ?? this.#lists.length;
  }

  #keyOf(list: number, place: number): number {
    return list * this.#names.length + place;
  }

  #add(to: Step, list: number, place: number): Step {
    const next = step([...to.names, this.#names[place]], [...to.lists, list]);
    to.next.set(this.#keyOf(list, place), next);
    return next;
  }

  #end({ names, lists, paths }: Step, start: number): Path {
    const path = { number: this.#paths.length, names, lists, start };
    paths.set(start, path);
    this.#paths.push(path);
    return path;
  }
}
