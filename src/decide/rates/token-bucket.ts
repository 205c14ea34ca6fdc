/** More units a second than this, and a unit is several tokens: so the counter takes an hour to go round. */
const mostUnitsPerSecond = 2 ** 20;
const mostCapacity = 2 ** 29;
/** The counter must not go half round by it. */
const mostOwed = 2 ** 30;
/** Shards look at the clock once a turn, and some turns are long: so far one may lag behind another. */
const lagSeconds = 5;
/** Where the counter starts, far from the zero of an untouched bucket; coming by there costs a token. */
const start = 2 ** 30;

/**
 * A token bucket in one word of memory that all shards see: tokens come at a rate, the bucket holds at most its capacity
 * and is full at first, and who takes tokens exchanges the word, so that what all of them take in any t seconds is at
 * most rate · t + capacity. Where the bucket is a fleet's, each of its n gateways has one of a part of rate and capacity:
 * a token costs n. What fits into the whole but not into the part passes where the part is full, and the bucket owes the
 * rest before anything passes again: so the rates of all still come to the one rate. The word is how many tokens were ever taken, counted like those that ever came, round and
 * round in 32 bits; zero means that nobody has taken any.
 */
export class TokenBucket {
  readonly #words: Int32Array;
  readonly #unit: number;
  readonly #unitsPerMs: number;
  readonly #capacity: number;
  readonly #slack: number;
  readonly #members: Int32Array | undefined;

  /** `members`: word 0 has how many gateways the bucket is shared by; undefined: each has its own. */
  constructor(words: Int32Array, tokensPerSecond: number, capacity: number, members?: Int32Array) {
    this.#words = words;
    const least = Math.max(tokensPerSecond / mostUnitsPerSecond, capacity / mostCapacity, 1);
    this.#unit = 2 ** Math.ceil(Math.log2(least));
    this.#unitsPerMs = tokensPerSecond / this.#unit / 1000;
    this.#capacity = Math.floor(capacity / this.#unit);
    this.#slack = Math.ceil(this.#unitsPerMs * 1000 * lagSeconds) + 1;
    this.#members = members;
  }

  /** Could it ever give so many? */
  holds(tokens: number): boolean {
    return this.#units(tokens) <= this.#capacity;
  }

  /** Takes `tokens` from the bucket at words[at], all or none. `now` in monotonic ms. */
  take(at: number, tokens: number, now: number): boolean {
    const units = this.#cost(tokens);
    if (!this.holds(tokens)) return false;
    const come = start + Math.floor(now * this.#unitsPerMs);
    for (;;) {
      const word = Atomics.load(this.#words, at);
      const left = this.#left(word, come);
      if (left < Math.min(units, this.#capacity)) return false;
      const taken = (come - left + units) | 0 || 1;
      if (Atomics.compareExchange(this.#words, at, word, taken) === word) return true;
    }
  }

  /** Are there so many now? */
  has(at: number, tokens: number, now: number): boolean {
    const come = start + Math.floor(now * this.#unitsPerMs);
    const left = this.#left(Atomics.load(this.#words, at), come);
    return this.holds(tokens) && left >= Math.min(this.#cost(tokens), this.#capacity);
  }

  /** What was taken was not needed. */
  giveBack(at: number, tokens: number): void {
    Atomics.sub(this.#words, at, this.#cost(tokens));
  }

  #left(word: number, come: number): number {
    if (word === 0) return this.#capacity;
    const left = (come - word) | 0;
    // Long before the present, the counter has gone half round, and the bucket is full.
    return left < -this.#slack - this.#mostOwed ? this.#capacity : Math.min(left, this.#capacity);
  }

  /** What a trace that is as large as the whole leaves to be paid. */
  get #mostOwed(): number {
    return Math.min(mostOwed, this.#capacity * (this.#sharers - 1));
  }

  get #sharers(): number {
    return this.#members === undefined ? 1 : Math.max(1, Atomics.load(this.#members, 0));
  }

  /** In units, for one of those that share the bucket. */
  #cost(tokens: number): number {
    return Math.min(this.#units(tokens) * this.#sharers, this.#capacity + mostOwed);
  }

  #units(tokens: number): number {
    return this.#unit === 1 ? tokens : Math.max(1, Math.round(tokens / this.#unit));
  }
}
