/**
 * Slices on their way from the shard that received them to the shard that owns their trace: a ring of Int32 words in
 * shared memory with one writer and one reader, so it needs no lock. The slices' bytes stay where they landed; only
 * rows that say where they lie travel.
 *
 *   batch = | segment | conditions | count | stride | row × count |       row = stride words, see model/slice.ts
 *
 * The writer makes a batch visible by moving `tail` when all of it is written; the reader frees its room by moving
 * `head`. Both count words for ever, modulo 2^32.
 */
const headerWords = 4;
const head = 0;
const tail = 1;

export interface HandoverMemory {
  readonly control: SharedArrayBuffer;
  readonly words: SharedArrayBuffer;
}

/** `words`: how many, a power of two. */
export function handoverMemory(words: number): HandoverMemory {
  return { control: new SharedArrayBuffer(8), words: new SharedArrayBuffer(words * 4) };
}

export class Handover {
  readonly #control: Int32Array;
  readonly #words: Int32Array;
  readonly #mask: number;
  #at = 0;
  /** Rows written or taken by this end. */
  rows = 0;
  /** The batch that `peek` found. */
  segment = 0;
  conditions = 0;
  count = 0;
  stride = 0;
  #stride = 0;
  #wordsWritten = 0;

  constructor(memory: HandoverMemory) {
    this.#control = new Int32Array(memory.control);
    this.#words = new Int32Array(memory.words);
    this.#mask = this.#words.length - 1;
  }

  /** Rows of `stride` words of the largest batch that an empty ring takes. */
  largest(stride: number): number {
    return Math.floor((this.#words.length - headerWords) / stride);
  }

  /** Bytes of it that were ever written to: what was not takes no memory yet. */
  get touchedBytes(): number {
    return 4 * Math.min(this.#words.length, this.#wordsWritten);
  }

  /** Writer: is there room for a batch of `count` rows of `stride` words? */
  fits(count: number, stride: number): boolean {
    const used = (Atomics.load(this.#control, tail) - Atomics.load(this.#control, head)) | 0;
    return used + headerWords + count * stride <= this.#words.length;
  }

  /** Writer: starts a batch that fits; exactly `count` rows must follow. */
  begin(segment: number, conditions: number, count: number, stride: number): void {
    this.#at = Atomics.load(this.#control, tail);
    this.#put(segment);
    this.#put(conditions);
    this.#put(count);
    this.#put(stride);
    this.#stride = stride;
    this.#wordsWritten += headerWords + count * stride;
    this.rows += count;
  }

  /** Writer: the row at rows[at …]. */
  push(rows: Int32Array, at: number): void {
    const words = this.#words;
    const mask = this.#mask;
    const to = this.#at;
    const count = this.#stride;
    for (let i = 0; i < count; i++) words[(to + i) & mask] = rows[at + i];
    this.#at = (to + count) | 0;
  }

  /** Writer: makes the batch visible. */
  commit(): void {
    Atomics.store(this.#control, tail, this.#at);
  }

  /** Reader: looks at the next batch; false when there is none. */
  peek(): boolean {
    const at = Atomics.load(this.#control, head);
    if (Atomics.load(this.#control, tail) === at) return false;
    this.segment = this.#words[at & this.#mask];
    this.conditions = this.#words[(at + 1) & this.#mask];
    this.count = this.#words[(at + 2) & this.#mask];
    this.stride = this.#words[(at + 3) & this.#mask];
    return true;
  }

  /** Reader: takes the batch that `peek` found; its rows are copied to the start of `into`, which must have room. */
  take(into: Int32Array): void {
    const words = this.count * this.stride;
    const from = (Atomics.load(this.#control, head) + headerWords) & this.#mask;
    const first = Math.min(words, this.#words.length - from);
    into.set(this.#words.subarray(from, from + first));
    if (first < words) into.set(this.#words.subarray(0, words - first), first);
    this.rows += this.count;
    Atomics.store(this.#control, head, (Atomics.load(this.#control, head) + headerWords + words) | 0);
  }

  #put(word: number): void {
    this.#words[this.#at & this.#mask] = word;
    this.#at = (this.#at + 1) | 0;
  }
}
