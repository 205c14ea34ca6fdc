import { TokenBucket } from './token-bucket.ts';

/** Sizes of traces that are reckoned apart, each twice the one before: small ones find room where large ones do not. */
const sizes = 8;
/** A trace that passes stands for this part of those that are owed, so the weights of neighbours are alike. */
const spreadOver = 16;
/** Owed traces are counted in sixteenths. */
const part = 16;
const mostOwed = 2 ** 30;

/** Words of memory: the bucket, then what is owed by size. */
export const limiterWords = 1 + sizes;

/**
 * A token bucket that tells with which chance traces passed it. A bucket has no such chance of its own, so it is
 * estimated by what is owed: each trace of a size that was offered adds one to it, each that passes takes its weight
 * off, and its weight is 1 + owed / 16. So the weights add up to the traces that were offered, but for what is still owed
 * at the end, and a mistake is paid back instead of adding up. Traces larger than the bucket never pass, and nobody
 * stands for them.
 */
export class Limiter {
  readonly #words: Int32Array;
  readonly #bucket: TokenBucket;
  readonly #smallest: number;
  /** 1 / the weight of the trace that was asked about last, whatever the answer; 0 where it could never pass. */
  chance = 1;

  /** `smallest`: the size up to which traces count as of the smallest size. */
  constructor(words: Int32Array, tokensPerSecond: number, capacity: number, smallest = 1) {
    this.#words = words;
    this.#bucket = new TokenBucket(words, tokensPerSecond, capacity);
    this.#smallest = smallest;
  }

  /** May a trace of so many tokens pass the limiter whose words begin at `at`? It takes them. `now` in monotonic ms. */
  ask(at: number, tokens: number, now: number): boolean {
    return this.settle(at, tokens, this.take(at, tokens, now));
  }

  take(at: number, tokens: number, now: number): boolean {
    return this.#bucket.take(at, tokens, now);
  }

  giveBack(at: number, tokens: number): void {
    this.#bucket.giveBack(at, tokens);
  }

  /** Books whether the trace has passed, which it says. */
  settle(at: number, tokens: number, passed: boolean): boolean {
    if (!passed && !this.#bucket.holds(tokens)) {
      this.chance = 0;
      return false;
    }
    const owedAt = at + 1 + this.#sizeOf(tokens);
    const owed = Math.max(0, Atomics.load(this.#words, owedAt));
    const paid = Math.floor(owed / spreadOver);
    this.chance = part / (part + paid);
    if (passed) {
      if (paid > 0) Atomics.sub(this.#words, owedAt, paid);
    } else if (owed < mostOwed) Atomics.add(this.#words, owedAt, part);
    return passed;
  }

  #sizeOf(tokens: number): number {
    return Math.min(sizes - 1, 31 - Math.clz32(Math.max(1, Math.floor(tokens / this.#smallest))));
  }
}
