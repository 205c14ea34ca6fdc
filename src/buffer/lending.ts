import type { Lender, Segments } from './segments.ts';

/**
 * Segments whose slices belong to traces of other shards. One Int32 a segment's number, in shared memory:
 *
 *   users    how many handed-over batches are in use elsewhere; after the segment's end, how many borrowers have not forgotten it yet.
 *            The lender adds; a borrower subtracts when nothing of the segment waits there, and when it has forgotten it.
 *   wanted   1 asks the borrowers to decide what lies in it, because memory is short. The last word counts the ones, so that nobody
 *            need look at all of them as long as there are none. Only the lender writes.
 *
 * What orders what (docs/decisions/0007): a borrower learns of a slab by a message, of a batch by a ring that may be
 * faster, so a batch waits until its segment is known; and the number of a segment is used again only when `users` is
 * 0.
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

/**
 * A slab as a borrower learns of it: a message from the lender, sent before the first batch that lies there is put into
 * the ring, and again when the slab is no more. Messages of one lender to one borrower arrive in the order in which
 * they were sent; nothing is promised beside that.
 */
export interface SlabNotice {
  readonly lender: number;
  readonly numbers: readonly number[];
  /** Absent: the segments are no more. */
  readonly memory?: SharedArrayBuffer;
  readonly capacity: number;
}

type Tell = (notice: Omit<SlabNotice, 'lender'>, to: number) => void;

/** A slab of this shard, and which of the others know it. */
interface OwnSlab {
  readonly numbers: readonly number[];
  readonly memory: SharedArrayBuffer;
  readonly capacity: number;
  readonly knownTo: Uint8Array;
}

/** The lender's side. */
export class Lending implements Lender {
  readonly #users: Int32Array;
  readonly #wanted: Int32Array;
  readonly #shards: number;
  readonly #tell: Tell;
  /** By the number of each of its segments. */
  readonly #slabs: (OwnSlab | undefined)[] = [];

  constructor(memory: LendingMemory, shards: number, tell: Tell) {
    this.#users = new Int32Array(memory.users);
    this.#wanted = new Int32Array(memory.wanted);
    this.#shards = shards;
    this.#tell = tell;
  }

  enter(numbers: readonly number[], memory: ArrayBufferLike, capacity: number): void {
    const slab = { numbers, memory: memory as SharedArrayBuffer, capacity, knownTo: new Uint8Array(this.#shards) };
    for (const number of numbers) this.#slabs[number] = slab;
  }

  withdraw(numbers: readonly number[]): void {
    const { capacity, knownTo } = this.#slabs[numbers[0]] as OwnSlab;
    for (const number of numbers) this.#slabs[number] = undefined;
    for (let to = 0; to < this.#shards; to++) {
      if (knownTo[to] === 0) continue;
      for (const number of numbers) Atomics.add(this.#users, number, 1);
      this.#tell({ numbers, capacity }, to);
    }
  }

  isLent(number: number): boolean {
    return Atomics.load(this.#users, number) > 0;
  }

  /**
   * A batch that lies in the segment goes to shard `to`. A slab is told of at the first of them and to that shard
   * alone: what a borrower has not heard of yet it has not given back, so that all memory which such messages hold
   * counts as the lender's.
   */
  lend(number: number, to: number): void {
    const slab = this.#slabs[number] as OwnSlab;
    if (slab.knownTo[to] === 0) {
      slab.knownTo[to] = 1;
      const { numbers, memory, capacity } = slab;
      this.#tell({ numbers, memory, capacity }, to);
    }
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

  learn({ lender, numbers, memory, capacity }: SlabNotice): void {
    numbers.forEach((number, i) => {
      const known = this.#local[lender].get(number);
      if ((known === undefined) !== (memory !== undefined)) {
        throw new Error(`segment ${number} of shard ${lender} was ${memory ? 'announced twice' : 'withdrawn unknown'}`);
      }
      const giveBack = (batches: number): void => void Atomics.sub(this.#users[lender], number, batches);
      if (memory !== undefined) {
        const bytes = new Uint8Array(memory, i * capacity, capacity);
        this.#local[lender].set(number, this.#segments.borrow(bytes, giveBack));
        return;
      }
      this.#segments.forget(known as number);
      this.#local[lender].delete(number);
      giveBack(1);
    });
  }

  /** This shard's number for a segment; -1 while the notice of it has not come. */
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
