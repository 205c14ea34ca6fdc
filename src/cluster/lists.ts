import type { Member } from '../model/member.ts';
import { isSame } from './members/list.ts';

/** More than change in a window in any orderly restart; of more, the oldest count no longer. */
const mostPast = 12;
/** Those are known still, so that they do not come back from members that had fewer. */
const mostKnown = 100;
/** What another member says of a list that ended here is of the same end where the times differ by no more. */
const sameEndMs = 5_000;

/** A list that was in force and still counts. */
interface PastList {
  readonly members: readonly Member[];
  /** When it was replaced, monotonic. */
  readonly endedAt: number;
}

/**
 * The lists of members that are remembered: the one in force, and those before it. One counts for `countsMs` after its
 * end, in which traces that began under it still wait; for others it may count longer, so it is remembered for
 * `remembersMs`. Times are of the monotonic clock.
 */
export class Lists {
  readonly #countsMs: number;
  readonly #remembersMs: number;
  /** Those before it, oldest first. */
  #known: PastList[] = [];
  #inForce: readonly Member[];

  constructor(inForce: readonly Member[], { countsMs, remembersMs }: { countsMs: number; remembersMs: number }) {
    this.#inForce = inForce;
    this.#countsMs = countsMs;
    this.#remembersMs = remembersMs;
  }

  get inForce(): readonly Member[] {
    return this.#inForce;
  }

  /** Puts a list in force; false where it is so already. */
  change(members: readonly Member[], now: number): boolean {
    if (isSame(members, this.#inForce)) return false;
    this.#add({ members: this.#inForce, endedAt: now });
    this.#inForce = members;
    return true;
  }

  /**
   * A list that another member had, and that ended so long ago. True where that is news. Words are somewhat old when they
   * are heard, so a list ends later for whoever hears of it; one that was here (`hasJoined`) when it ended learns of it
   * only while it counts, else those that forget it hear of it from each other for ever.
   */
  learn(members: readonly Member[], endedAgoMs: number, now: number, hasJoined: boolean): boolean {
    const endedAt = now - Math.max(0, endedAgoMs);
    if (endedAgoMs >= (hasJoined ? this.#countsMs : this.#remembersMs) || members.length === 0) return false;
    const known = this.#known.find((it) => isSame(it.members, members) && Math.abs(it.endedAt - endedAt) <= sameEndMs);
    if (known !== undefined) return false;
    this.#add({ members, endedAt });
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
  get all(): readonly (readonly Member[])[] {
    return [...this.past.map(({ members }) => members), this.#inForce];
  }

  /** Which of them is the oldest that counts. */
  first(now: number): number {
    return this.past.filter(({ endedAt }) => now - endedAt >= this.#countsMs).length;
  }

  #add(list: PastList): void {
    this.#known = [...this.#known, list].sort((a, b) => a.endedAt - b.endedAt).slice(-mostKnown);
  }
}
