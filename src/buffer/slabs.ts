import type { Blocks } from '../tables/blocks.ts';

interface Slab {
  readonly memory: ArrayBufferLike;
  /** The numbers of its segments. */
  readonly members: readonly number[];
  inUse: number;
}

/** The blocks that segments are cut from: which of them are needed, and when they go back. */
export class Slabs {
  readonly #blocks: Blocks;
  readonly #slabs: (Slab | undefined)[] = [];
  /** Numbers of slabs that are no more. */
  readonly #vacant: number[] = [];
  /** Slabs of which no segment is in use: only kept, for the next messages. */
  readonly #idle = new Set<number>();
  /** The fewest of them that there were since `countUnneeded` was last asked. */
  #fewestIdle = 0;
  /** Of those that nobody needed, the ones still to go. */
  #unneeded = 0;

  constructor(blocks: Blocks) {
    this.#blocks = blocks;
  }

  /** Enters a block, or what was taken for one large message; its number. */
  add(memory: ArrayBufferLike, members: readonly number[]): number {
    const number = this.#vacant.pop() ?? this.#slabs.length;
    this.#slabs[number] = { memory, members, inUse: 0 };
    this.#keep(number);
    return number;
  }

  /** One more of its segments is in use. */
  use(number: number): void {
    this.#get(number).inUse++;
    if (!this.#idle.delete(number)) return;
    this.#blocks.keep(-this.#get(number).memory.byteLength);
    this.#fewestIdle = Math.min(this.#fewestIdle, this.#idle.size);
  }

  /** One fewer is; true when it was made for that one alone. */
  leave(number: number): boolean {
    const slab = this.#get(number);
    if (--slab.inUse === 0) this.#keep(number);
    return slab.members.length === 1 && slab.memory.byteLength !== this.#blocks.blockBytes;
  }

  /** Bytes of slabs that something lies in. */
  get bytes(): number {
    return this.#slabs.reduce((sum, slab) => sum + (slab && slab.inUse > 0 ? slab.memory.byteLength : 0), 0);
  }

  isIdle(number: number): boolean {
    return this.#idle.has(number);
  }

  /** Those that may go at once. */
  idle(): number[] {
    return [...this.#idle];
  }

  /** Counts those that nobody has needed since the last call. */
  countUnneeded(): void {
    this.#unneeded = this.#fewestIdle;
    this.#fewestIdle = this.#idle.size;
  }

  /**
   * The ones to go now: as many as are idle for each in use, so one after the other where there is traffic, see
   * tables/blocks.ts. Those that were needed after all stay.
   */
  toGo(): number[] {
    const inUse = this.#slabs.length - this.#vacant.length - this.#idle.size;
    const most = Math.max(1, Math.floor(this.#idle.size / Math.max(1, inUse)));
    this.#unneeded = Math.min(this.#unneeded, this.#fewestIdle);
    const slabs = [...this.#idle].slice(0, Math.min(this.#unneeded, most));
    this.#unneeded -= slabs.length;
    return slabs;
  }

  /** Forgets an idle slab: the numbers of its segments, and its memory, which is the caller's to give back. */
  remove(number: number): { readonly members: readonly number[]; readonly memory: ArrayBufferLike } {
    const { memory, members } = this.#get(number);
    this.#idle.delete(number);
    this.#blocks.keep(-memory.byteLength);
    this.#fewestIdle = Math.min(this.#fewestIdle, this.#idle.size);
    this.#vacant.push(number);
    this.#slabs[number] = undefined;
    return { members, memory };
  }

  #keep(number: number): void {
    this.#idle.add(number);
    this.#blocks.keep(this.#get(number).memory.byteLength);
  }

  #get(number: number): Slab {
    return this.#slabs[number] as Slab;
  }
}
