import type { Lender, Segments } from './segments.ts';

/**
 * Segments whose slices belong to traces of other shards. The lender counts, in shared memory, how many handed-over batches of
 * each of its segments are still in use elsewhere; a borrower gives a segment's counts back when nothing of it waits there.
 * One Int32 a segment: `users` as said; `wanted` = 1 asks the borrowers to decide what lies in it, because memory is short. The last
 * word of `wanted` counts the ones, so that nobody need look at all of them as long as there are none.
 */
export interface LendingMemory {
  readonly users: SharedArrayBuffer;
  readonly wanted: SharedArrayBuffer;
}

/** More than any buffer has: a terabyte of 4 MiB segments would not reach it. */
const maxSegments = 1 << 18;

export const lendingMemory = (): LendingMemory => ({
  users: new SharedArrayBuffer(maxSegments * 4),
  wanted: new SharedArrayBuffer((maxSegments + 1) * 4),
});

/** A slab as other shards learn of it. */
export interface SlabNews {
  readonly lender: number;
  readonly numbers: readonly number[];
  /** Absent: the segments are no more. */
  readonly memory?: SharedArrayBuffer;
  readonly capacity: number;
}

/** The lender's side. */
export class Lending implements Lender {
  readonly #users: Int32Array;
  readonly #wanted: Int32Array;
  readonly #tell: (news: Omit<SlabNews, 'lender'>) => void;

  constructor(memory: LendingMemory, tell: (news: Omit<SlabNews, 'lender'>) => void) {
    this.#users = new Int32Array(memory.users);
    this.#wanted = new Int32Array(memory.wanted);
    this.#tell = tell;
  }

  allocate(bytes: number): SharedArrayBuffer {
    return new SharedArrayBuffer(bytes);
  }

  announce(numbers: readonly number[], memory: ArrayBufferLike, capacity: number): void {
    this.#tell({ numbers, memory: memory as SharedArrayBuffer, capacity });
  }

  withdraw(numbers: readonly number[], capacity: number): void {
    this.#tell({ numbers, capacity });
  }

  isLent(number: number): boolean {
    return Atomics.load(this.#users, number) > 0;
  }

  lend(number: number): void {
    Atomics.add(this.#users, number, 1);
  }

  want(number: number): void {
    if (Atomics.exchange(this.#wanted, number, 1) === 0) Atomics.add(this.#wanted, maxSegments, 1);
  }

  returned(number: number): void {
    if (Atomics.exchange(this.#wanted, number, 0) === 1) Atomics.sub(this.#wanted, maxSegments, 1);
  }
}

/** The borrowers' side: another shard's segments as this shard's own table knows them. */
export class Borrowing {
  readonly #segments: Segments;
  readonly #users: readonly Int32Array[];
  readonly #wanted: readonly Int32Array[];
  /** By lender and the lender's number: this shard's own number for the segment. */
  readonly #local: Map<number, number>[];

  constructor(segments: Segments, memories: readonly LendingMemory[]) {
    this.#segments = segments;
    this.#users = memories.map(({ users }) => new Int32Array(users));
    this.#wanted = memories.map(({ wanted }) => new Int32Array(wanted));
    this.#local = memories.map(() => new Map());
  }

  learn({ lender, numbers, memory, capacity }: SlabNews): void {
    numbers.forEach((number, i) => {
      const known = this.#local[lender].get(number);
      if (known !== undefined) this.#segments.forget(known);
      this.#local[lender].delete(number);
      if (memory === undefined) return;
      const bytes = new Uint8Array(memory, i * capacity, capacity);
      const giveBack = (batches: number): void => void Atomics.sub(this.#users[lender], number, batches);
      this.#local[lender].set(number, this.#segments.borrow(bytes, giveBack));
    });
  }

  /** This shard's number for a segment; -1 while the news of it has not come. */
  local(lender: number, number: number): number {
    return this.#local[lender].get(number) ?? -1;
  }

  /** The first borrowed segment that its lender wants back and in which something waits here; -1 = none. */
  wanted(): number {
    for (let lender = 0; lender < this.#local.length; lender++) {
      if (Atomics.load(this.#wanted[lender], maxSegments) === 0) continue;
      for (const [number, local] of this.#local[lender]) {
        if (this.#segments.get(local).live > 0 && Atomics.load(this.#wanted[lender], number) === 1) return local;
      }
    }
    return -1;
  }
}
