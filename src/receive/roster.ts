/** What can be in a roster: it knows its place there; -1 = nowhere. */
export interface Placed {
  place: number;
}

/**
 * A set of what is under way, whose members come and go thousands of times a second: to add and to delete allocates
 * nothing. A Set or Map makes a new table every few times, and the old ones, once they are in V8's old generation, keep
 * the newer ones and their members from an early end: so requests long answered filled the heap, and full collections
 * came twice as often.
 */
export class Roster<T extends Placed> {
  readonly #members: (T | undefined)[] = [];
  size = 0;

  add(member: T): void {
    member.place = this.size;
    this.#members[this.size++] = member;
  }

  /** False where it was not there. */
  delete(member: T): boolean {
    const { place } = member;
    if (place < 0 || this.#members[place] !== member) return false;
    const last = this.#members[--this.size] as T;
    last.place = place;
    this.#members[place] = last;
    this.#members[this.size] = undefined;
    member.place = -1;
    return true;
  }

  /** The member at a place below `size`. Places change when others are deleted, but never of those before. */
  at(place: number): T {
    return this.#members[place] as T;
  }

  /** All of them, as they are now. */
  all(): T[] {
    return this.#members.slice(0, this.size) as T[];
  }
}
