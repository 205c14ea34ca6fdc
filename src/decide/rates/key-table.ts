/** Places that a key may have, side by side. */
const places = 8;
/** Entries that are looked at for one that nobody uses any more, when a new key finds none among its own. */
const looks = 16;

/**
 * Keys in memory that all shards see, at most so many: open addressing in which a key has one of eight places, so that
 * finding one is a few words in a row, and places fall free without a mark. What finds no place shares the entry of all
 * others. The first two words of an entry are the key, 0 = free, and the second of its last use.
 */
export class KeyTable {
  readonly #words: Int32Array;
  readonly #from: number;
  readonly #entryWords: number;
  readonly #mask: number;
  readonly #keys: number;
  /** The entry that is looked at next for one that nobody uses. */
  #hand = 0;

  /** Words that a table of `keys` keys needs, `entryWords` each. */
  static words(keys: number, entryWords: number): number {
    return 1 + (slotsFor(keys) + places) * entryWords;
  }

  /** In words[from …]: the number of keys, the entry of others, then all entries. */
  constructor(words: Int32Array, from: number, keys: number, entryWords: number) {
    this.#words = words;
    this.#from = from;
    this.#entryWords = entryWords;
    this.#mask = slotsFor(keys) - 1;
    this.#keys = keys;
  }

  /** The entry that keys without a place share. */
  get others(): number {
    return this.#from + 1;
  }

  /** How many keys have a place. */
  get size(): number {
    return Atomics.load(this.#words, this.#from);
  }

  /**
   * Where the entry of `key`, which is not 0, stands, made where it is new. One that nobody has used for `idleSeconds`
   * gives way. A new entry is zero behind its first two words.
   */
  at(key: number, nowSeconds: number, idleSeconds: number): number {
    const words = this.#words;
    const first = this.#firstOf(key);
    const end = first + places * this.#entryWords;
    let free = -1;
    let idle = -1;
    for (let at = first; at < end; at += this.#entryWords) {
      const found = words[at];
      if (found === key) {
        words[at + 1] = nowSeconds;
        return at;
      }
      if (found === 0) free = free < 0 ? at : free;
      else if (nowSeconds - words[at + 1] > idleSeconds) idle = at;
    }
    if (free >= 0 && (this.#hasRoom() || (idle < 0 && this.#letOneGo(nowSeconds, idleSeconds))))
      return this.#enter(key, free, 0, nowSeconds);
    const before = idle < 0 ? 0 : words[idle];
    return before === 0 ? this.others : this.#enter(key, idle, before, nowSeconds);
  }

  /** The same where it is there already; -1 = it is not. */
  find(key: number): number {
    const first = this.#firstOf(key);
    const end = first + places * this.#entryWords;
    for (let at = first; at < end; at += this.#entryWords) if (this.#words[at] === key) return at;
    return -1;
  }

  /** Goes through all entries but that of the others. */
  forEach(visit: (at: number) => void): void {
    const end = this.#from + 1 + (this.#mask + places) * this.#entryWords;
    for (let at = this.#from + 1 + this.#entryWords; at <= end; at += this.#entryWords)
      if (this.#words[at] !== 0) visit(at);
  }

  /** The key's place falls free. */
  remove(at: number): void {
    this.#words.fill(0, at + 1, at + this.#entryWords);
    Atomics.store(this.#words, at, 0);
    Atomics.sub(this.#words, this.#from, 1);
  }

  /** Counts one more, where there may be one. */
  #hasRoom(): boolean {
    if (Atomics.add(this.#words, this.#from, 1) < this.#keys) return true;
    Atomics.sub(this.#words, this.#from, 1);
    return false;
  }

  /** Of some entries, the first that nobody has used for so long falls free; it counts still, for the one that comes. */
  #letOneGo(nowSeconds: number, idleSeconds: number): boolean {
    const words = this.#words;
    for (let i = 0; i < looks; i++) {
      this.#hand = (this.#hand + 1) % (this.#mask + places);
      const at = this.#from + 1 + (1 + this.#hand) * this.#entryWords;
      const key = words[at];
      if (key === 0 || nowSeconds - words[at + 1] <= idleSeconds) continue;
      if (Atomics.compareExchange(words, at, key, 0) === key) return true;
    }
    return false;
  }

  /** `before`: the key that was there, 0 = it was free, and counts already. */
  #enter(key: number, at: number, before: number, nowSeconds: number): number {
    const words = this.#words;
    // Somebody else may have taken the place in this very moment; then this trace is one of the others.
    if (Atomics.compareExchange(words, at, before, key) !== before) {
      if (before === 0) Atomics.sub(words, this.#from, 1);
      return this.others;
    }
    words[at + 1] = nowSeconds;
    words.fill(0, at + 2, at + this.#entryWords);
    return at;
  }

  /** Behind the entry of the others. */
  #firstOf(key: number): number {
    const slot = (Math.imul(key, 0x9e3779b1) >>> 7) & this.#mask;
    return this.#from + 1 + (1 + slot) * this.#entryWords;
  }
}

/** Half of the places stay free, so that few keys find none. */
function slotsFor(keys: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(places, keys * 2)));
}
