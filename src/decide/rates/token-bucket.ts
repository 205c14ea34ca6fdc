/** More units a second than this, and a unit is several tokens: so the counter takes an hour to go round. */
const mostUnitsPerSecond = 2 ** 20;
const mostCapacity = 2 ** 29;
/** Shards look at the clock once a turn, and some turns are long: so far one may lag behind another. */
const lagSeconds = 5;
/** Where the counter starts, far from the zero of an untouched bucket; coming by there costs a token. */
const start = 2 ** 30;

/**
 * A token bucket in one word of memory that all shards see: tokens come at a rate, the bucket holds at most its capacity
 * and is full at first, and who takes tokens exchanges the word, so that what all of them take in any t seconds is at
 * most rate · t + capacity. The word is how many tokens were ever taken, counted like those that ever came, round and
 * round in 32 bits; zero means that nobody has taken any.
 */
export class TokenBucket {
  readonly #words: Int32Array;
  readonly #unit: number;
  readonly #unitsPerMs: number;
  readonly #capacity: number;
  readonly #slack: number;

  constructor(words: Int32Array, tokensPerSecond: number, capacity: number) {
    this.#words = words;
    const least = Math.max(tokensPerSecond / mostUnitsPerSecond, capacity / mostCapacity, 1);
    this.#unit = 2 ** Math.ceil(Math.log2(least));
    this.#unitsPerMs = tokensPerSecond / this.#unit / 1000;
    this.#capacity = Math.floor(capacity / this.#unit);
    this.#slack = Math.ceil(this.#unitsPerMs * 1000 * lagSeconds) + 1;
  }

  /** Could it ever give so many? */
  holds(tokens: number): boolean {
    return this.#units(tokens) <= this.#capacity;
  }

  /** Takes `tokens` from the bucket at words[at], all or none. `now` in monotonic ms. */
  take(at: number, tokens: number, now: number): boolean {
    const units = this.#units(tokens);
    const come = start + Math.floor(now * this.#unitsPerMs);
    for (;;) {
      const word = Atomics.load(this.#words, at);
      const left = this.#left(word, come);
      if (left < units) return false;
      const taken = (come - left + units) | 0 || 1;
      if (Atomics.compareExchange(this.#words, at, word, taken) === word) return true;
    }
  }

  /** Are there so many now? */
  has(at: number, tokens: number, now: number): boolean {
    const come = start + Math.floor(now * this.#unitsPerMs);
    return this.#left(Atomics.load(this.#words, at), come) >= this.#units(tokens);
  }

  /** What was taken was not needed. */
  giveBack(at: number, tokens: number): void {
    Atomics.sub(this.#words, at, this.#units(tokens));
  }

  #left(word: number, come: number): number {
    if (word === 0) return this.#capacity;
    const left = (come - word) | 0;
    // Long before the present, the counter has gone half round, and the bucket is full.
    return left < -this.#slack ? this.#capacity : Math.min(left, this.#capacity);
  }

  #units(tokens: number): number {
    return this.#unit === 1 ? tokens : Math.max(1, Math.round(tokens / this.#unit));
  }
}
