import { TokenBucket } from './token-bucket.ts';

/** Sizes of traces that are reckoned apart, two to each doubling: small ones find room where large ones do not. */
const sizes = 24;
/** A trace that passes stands for this part of those that are owed, so the weights of neighbours are alike. */
const spreadOver = 16;
/** Owed traces are counted in sixteenths. */
const part = 16;
const mostOwed = 2 ** 30;

/** Words of memory: the bucket, then what is owed by size. */
export const limiterWords = 1 + sizes;

/**
 * A token bucket that reckons what those stand for that passed it. What it answers depends on what came before and on
 * nothing in the trace but its size: so where another policy could still keep what it refuses, that one's chance weighs
 * all of it, and there is nothing to estimate (see weigh.ts). Where nothing else could, what it refused is owed, by
 * size: it adds one, and who is kept next stands for itself and a sixteenth of that. So the weights add up to the traces
 * that were offered, but for what is still owed at the end, and a mistake is paid back instead of adding up. Traces
 * larger than the bucket never pass, and nobody stands for them.
 */
export class Limiter {
  readonly #words: Int32Array;
  readonly #bucket: TokenBucket;
  readonly #smallest: number;
  /** Of the trace that was asked about last. */
  #owedAt = 0;

  /** `smallest`: the size up to which traces count as of the smallest size; `members`: see TokenBucket. */
  constructor(words: Int32Array, tokensPerSecond: number, capacity: number, smallest = 1, members?: Int32Array) {
    this.#words = words;
    this.#bucket = new TokenBucket(words, tokensPerSecond, capacity, members);
    this.#smallest = smallest;
  }

  /** May a trace of so many tokens pass the limiter whose words begin at `at`? It takes them. `now` in monotonic ms. */
  ask(at: number, tokens: number, now: number): boolean {
    const passed = this.take(at, tokens, now);
    this.offer(at, tokens);
    return passed;
  }

  /** What `ask` would say; nothing is taken, and nothing owed. Of one that nobody has asked yet: `at` < 0. */
  wouldPass(at: number, tokens: number, now: number): boolean {
    return at < 0 ? this.#bucket.holds(tokens) : this.#bucket.has(at, tokens, now);
  }

  take(at: number, tokens: number, now: number): boolean {
    return this.#bucket.take(at, tokens, now);
  }

  giveBack(at: number, tokens: number): void {
    this.#bucket.giveBack(at, tokens);
  }

  /** A trace was offered, whether or not it passed: who decides will say what is owed or paid for it. */
  offer(at: number, tokens: number): void {
    if (!this.#bucket.holds(tokens)) return;
    this.#owedAt = at + 1 + this.#sizeOf(tokens);
    offered.add(this);
  }

  /** Nobody could keep the trace. */
  owe(): void {
    if (Atomics.load(this.#words, this.#owedAt) < mostOwed) Atomics.add(this.#words, this.#owedAt, part);
  }

  /** The trace is kept: for how many others it stands, which are owed no more. */
  pay(): number {
    const paid = Math.floor(Math.max(0, Atomics.load(this.#words, this.#owedAt)) / spreadOver);
    if (paid > 0) Atomics.sub(this.#words, this.#owedAt, paid);
    return paid / part;
  }

  #sizeOf(tokens: number): number {
    return Math.min(sizes - 1, Math.max(0, Math.floor(2 * Math.log2(tokens / this.#smallest))));
  }
}

/** The limiters to which the trace was offered that is being decided: one trace at a time, in each thread. */
class Offered {
  readonly #limiters: Limiter[] = [];
  count = 0;

  clear(): void {
    this.count = 0;
  }

  add(limiter: Limiter): void {
    this.#limiters[this.count++] = limiter;
  }

  /** What is refused by several is owed by the first. */
  owe(): void {
    this.#limiters[0].owe();
  }

  pay(): number {
    let paid = 0;
    for (let i = 0; i < this.count; i++) paid += this.#limiters[i].pay();
    return paid;
  }
}

export const offered = new Offered();
