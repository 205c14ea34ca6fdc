/** Places that a key may have, side by side. */
const ways = 8;
/** Of each: the key, and when it was seen last. */
const entryWords = 2;

/**
 * When keys were seen last, of about so many keys, in memory that all shards see: a table in which each key has one of
 * eight places, and the one that was not seen for longest gives way. A key that gave way too early counts as new once
 * more; one that is there is never forgotten by mistake.
 */
export class RecentlySeen {
  readonly #words: Int32Array;
  readonly #mask: number;
  readonly #seconds: number;

  static words(keys: number): number {
    return setsFor(keys) * ways * entryWords;
  }

  /** `seconds`: for how long a key is not new again. */
  constructor(words: Int32Array, keys: number, seconds: number) {
    this.#words = words;
    this.#mask = setsFor(keys) - 1;
    this.#seconds = seconds;
  }

  /**
   * Where `key`, which is not 0, has its place, or will have it. Of places that are not its own, the one that is free or
   * was not seen for longest.
   */
  placeOf(key: number): number {
    const words = this.#words;
    const first = ((Math.imul(key, 0x9e3779b1) >>> 5) & this.#mask) * ways * entryWords;
    let oldest = first;
    for (let at = first; at < first + ways * entryWords; at += entryWords) {
      if (words[at] === key) return at;
      if (words[at + 1] < words[oldest + 1]) oldest = at;
    }
    return oldest;
  }

  /** Was the key that has, or will have, the place `at` not seen lately? */
  isNew(at: number, key: number, nowSeconds: number): boolean {
    return this.#words[at] !== key || nowSeconds - this.#words[at + 1] >= this.#seconds;
  }

  /** The key is seen now. False where another shard has just seen the same for the first time. */
  see(at: number, key: number, nowSeconds: number): boolean {
    const words = this.#words;
    const before = words[at];
    if (before === key) {
      const last = words[at + 1];
      return Atomics.compareExchange(words, at + 1, last, nowSeconds) === last;
    }
    if (Atomics.compareExchange(words, at, before, key) !== before) return false;
    words[at + 1] = nowSeconds;
    return true;
  }
}

const setsFor = (keys: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, keys / ways)));
