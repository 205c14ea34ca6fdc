import { createHash } from 'node:crypto';
import { compareLists, type MemberList } from '../model/fleet.ts';
import type { Member } from '../model/member.ts';
import { isSame } from './members/list.ts';

/** More than change in a window in any orderly restart; of more, the oldest count no longer. */
const mostPast = 12;
/** Those are known still, so that they do not come back from members that had fewer. */
const mostKnown = 100;
/**
 * No fleet's list changes as often, and it is still a number to the unit. Whoever hears of it, from a member that is
 * broken, counts no further: beyond it nobody would understand anybody's word.
 */
export const mostGenerations = 2 ** 48;
const after = (generation: number): number => Math.min(generation + 1, mostGenerations);

/** As others tell of it. */
export type HeardList = Omit<MemberList, 'epoch'>;

/** A list that was in force and still counts. */
interface PastList extends MemberList {
  /** When it was replaced, monotonic. */
  readonly endedAt: number;
}

/**
 * The lists of members that are remembered: the one in force, and those before it. One counts for `countsMs` after its
 * end, in which traces that began under it still wait; for others it may count longer, so it is remembered for
 * `remembersMs`. Times are of the monotonic clock.
 *
 * All members must have them in the same order, also those of two halves of a network, that ended at the same moment.
 * Times differ from member to member, so lists are ordered by generation, and those of one generation by their epochs.
 * Generations are a logical clock (Lamport, "Time, clocks, and the ordering of events in a distributed system", 1978):
 * a list has one more than the one that it replaces, and the generation goes along wherever the list is told of.
 */
export class Lists {
  readonly #countsMs: number;
  readonly #remembersMs: number;
  /** Those before it, oldest first. */
  #known: PastList[] = [];
  #inForce: MemberList;

  constructor(inForce: readonly Member[], { countsMs, remembersMs }: { countsMs: number; remembersMs: number }) {
    this.#inForce = { members: inForce, generation: 0, epoch: epochOf(inForce) };
    this.#countsMs = countsMs;
    this.#remembersMs = remembersMs;
  }

  get inForce(): MemberList {
    return this.#inForce;
  }

  /**
   * Puts a list in force; false where it is so already. `heard`: the highest generation that others have it in, so that
   * it has the same everywhere.
   */
  change(members: readonly Member[], now: number, heard = 0): boolean {
    const last = this.#inForce;
    if (isSame(members, last.members)) return false;
    if (last.members.length > 0) this.#add({ ...last, endedAt: now });
    // The first one replaces none.
    const next = last.members.length > 0 ? after(last.generation) : last.generation;
    this.#inForce = { members, generation: Math.max(next, heard), epoch: epochOf(members) };
    return true;
  }

  /** Others have the list that is in force here in that generation; true where that is news. */
  advance(generation: number): boolean {
    if (generation <= this.#inForce.generation) return false;
    this.#inForce = { ...this.#inForce, generation };
    return true;
  }

  /**
   * A list that another member had, and that ended so long ago. True where that is news. Words are somewhat old when they
   * are heard, so a list ends later for whoever hears of it; one that was here (`hasJoined`) when it ended learns of it
   * only while it counts, else those that forget it hear of it from each other for ever.
   */
  learn({ members, generation }: HeardList, endedAgoMs: number, now: number, hasJoined: boolean): boolean {
    if (endedAgoMs >= (hasJoined ? this.#countsMs : this.#remembersMs) || members.length === 0) return false;
    // The one in force ends after all that is known; that it ended elsewhere makes it no other list.
    const epoch = epochOf(members);
    const isNews = this.advance(epoch === this.#inForce.epoch ? generation : after(generation));
    const list = { members, generation, epoch, endedAt: now - Math.max(0, endedAgoMs) };
    if (this.#known.some((it) => compareLists(it, list) === 0)) return isNews;
    this.#add(list);
    return true;
  }

  /** Forgets what is too old. */
  expire(now: number): void {
    this.#known = this.#known.filter(({ endedAt }) => now - endedAt < this.#remembersMs);
  }

  /** Oldest first. */
  get past(): readonly PastList[] {
    return this.#known.slice(-mostPast);
  }

  /** Oldest first, the one in force last. */
  get all(): readonly MemberList[] {
    return [...this.past.map(({ members, generation, epoch }) => ({ members, generation, epoch })), this.#inForce];
  }

  /** Which of them is the oldest that counts. */
  first(now: number): number {
    const { past } = this;
    const first = past.findIndex(({ endedAt }) => now - endedAt < this.#countsMs);
    return first < 0 ? past.length : first;
  }

  /** One that was heard of before it ended here ends now. */
  #add(list: PastList): void {
    const others = this.#known.filter((it) => compareLists(it, list) !== 0);
    this.#known = [...others, list].sort(compareLists).slice(-mostKnown);
  }
}

/** The same for all who have a list of the same names, at whatever addresses. */
export const epochOf = (members: readonly Member[]): string =>
  createHash('sha256')
    .update(members.map(({ name }) => `${name}\n`).join(''))
    .digest('hex')
    .slice(0, 8);
