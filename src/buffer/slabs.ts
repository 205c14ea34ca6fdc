interface Slab {
  readonly memory: ArrayBufferLike;
  /** The numbers of its segments. */
  readonly members: readonly number[];
  inUse: number;
}

/** The allocations that segments are cut from: which of them are needed, and when they go back to the system. */
export class Slabs {
  readonly #slabs: (Slab | undefined)[] = [];
  /** Numbers of slabs that are no more. */
  readonly #vacant: number[] = [];
  /** Slabs of which no segment is in use. */
  readonly #idle = new Set<number>();
  /** The fewest of them that there were since `countUnneeded` was last asked. */
  #fewestIdle = 0;
  /** Of those that nobody needed, the ones still to go. */
  #unneeded = 0;

  /** Enters an allocation; its number. */
  add(memory: ArrayBufferLike, members: readonly number[]): number {
    const number = this.#vacant.pop() ?? this.#slabs.length;
    this.#slabs[number] = { memory, members, inUse: 0 };
    return number;
  }

  /** One more of its segments is in use. */
  use(number: number): void {
    this.#get(number).inUse++;
    if (this.#idle.delete(number)) this.#fewestIdle = Math.min(this.#fewestIdle, this.#idle.size);
  }

  /** One fewer is; true when it was made for that one alone. */
  leave(number: number): boolean {
    const slab = this.#get(number);
    if (--slab.inUse === 0) this.#idle.add(number);
    return slab.members.length === 1;
  }

  /** Counts those that nobody has needed since the last call. */
  countUnneeded(): void {
    this.#unneeded = this.#fewestIdle;
    this.#fewestIdle = this.#idle.size;
  }

  /**
   * The ones to go now: as many as are idle for each in use, so one after the other where there is traffic. The system
   * takes a millisecond for each, and gigabytes at once would hold it up for tenths of a second. Those that were needed
   * after all stay.
   */
  toGo(): number[] {
    const inUse = this.#slabs.length - this.#vacant.length - this.#idle.size;
    const most = Math.max(1, Math.floor(this.#idle.size / Math.max(1, inUse)));
    this.#unneeded = Math.min(this.#unneeded, this.#fewestIdle);
    const slabs = [...this.#idle].slice(0, Math.min(this.#unneeded, most));
    this.#unneeded -= slabs.length;
    return slabs;
  }

  /** Lets a slab go, for the garbage collector to give to the system (docs/decisions/0005); what it was. */
  remove(number: number): { readonly members: readonly number[]; readonly bytes: number } {
    const { memory, members } = this.#get(number);
    this.#idle.delete(number);
    this.#fewestIdle = Math.min(this.#fewestIdle, this.#idle.size);
    this.#vacant.push(number);
    this.#slabs[number] = undefined;
    return { members, bytes: memory.byteLength };
  }

  #get(number: number): Slab {
    return this.#slabs[number] as Slab;
  }
}
