import type { Records } from '../tables/records.ts';

/**
 * Which trace falls due when: a wheel of lists threaded through the trace records themselves, one list for every 16 ms.
 *
 *   bucket = ⌊due ÷ 16 ms⌋ mod buckets      heads[bucket] → trace ⇄ trace ⇄ trace ← tails[bucket]
 *
 * Adding, removing and taking the next due one cost the same however many traces wait.
 */
interface LinkWords {
  /** Words of the trace record: due time (low 32 bits of ms), previous slot, next slot, bucket. */
  readonly due: number;
  readonly previous: number;
  readonly next: number;
  readonly bucket: number;
}

const bucketMs = 16;

export class Deadlines {
  readonly #records: Records;
  readonly #words: LinkWords;
  readonly #buckets: number;
  readonly #heads: Int32Array;
  readonly #tails: Int32Array;
  /** The bucket (not wrapped) that `due` looks at next; everything before it was taken. */
  #cursor = 0;
  /** No bucket (not wrapped) before this one has any. */
  #earliest = 0;
  size = 0;

  /** `longestMs` is the longest wait: nothing is ever added further ahead. */
  constructor(records: Records, words: LinkWords, longestMs: number) {
    this.#records = records;
    this.#words = words;
    this.#buckets = Math.ceil(longestMs / bucketMs) + 2;
    this.#heads = new Int32Array(this.#buckets).fill(-1);
    this.#tails = new Int32Array(this.#buckets).fill(-1);
  }

  /** Appends a trace to the list for `due`, in ms of the monotonic clock. */
  add(slot: number, due: number): void {
    let bucket = Math.floor(due / bucketMs);
    if (this.size === 0) this.#cursor = Math.max(this.#cursor, bucket - this.#buckets + 1);
    this.#earliest = this.size === 0 ? bucket : Math.min(this.#earliest, bucket);
    bucket %= this.#buckets;
    const tail = this.#tails[bucket];
    const words = this.#records.page(slot);
    const at = this.#records.at(slot);
    words[at + this.#words.due] = due | 0;
    words[at + this.#words.previous] = tail;
    words[at + this.#words.next] = -1;
    words[at + this.#words.bucket] = bucket;
    if (tail < 0) this.#heads[bucket] = slot;
    else this.#set(tail, this.#words.next, slot);
    this.#tails[bucket] = slot;
    this.size++;
  }

  remove(slot: number): void {
    const words = this.#records.page(slot);
    const at = this.#records.at(slot);
    const bucket = words[at + this.#words.bucket];
    const previous = words[at + this.#words.previous];
    const next = words[at + this.#words.next];
    if (previous < 0) this.#heads[bucket] = next;
    else this.#set(previous, this.#words.next, next);
    if (next < 0) this.#tails[bucket] = previous;
    else this.#set(next, this.#words.previous, previous);
    this.size--;
  }

  /**
   * A trace that is due at `now`, or -1. One that fell due inside the bucket of `now` may wait for the bucket's end.
   */
  due(now: number): number {
    if (this.size === 0) return -1;
    const current = Math.floor(now / bucketMs);
    for (; this.#cursor < current; this.#cursor++) {
      const slot = this.#headIfDue(this.#cursor, now);
      if (slot >= 0) return slot;
    }
    return this.#headIfDue(this.#cursor, now);
  }

  /** The trace that falls due first, or -1. */
  first(): number {
    if (this.size === 0) return -1;
    // Whoever decides all that waits looks at each bucket once, not at all the empty ones for each trace.
    for (this.#earliest = Math.max(this.#earliest, this.#cursor); ; this.#earliest++) {
      const slot = this.#heads[this.#earliest % this.#buckets];
      if (slot >= 0) return slot;
    }
  }

  #headIfDue(bucket: number, now: number): number {
    const slot = this.#heads[bucket % this.#buckets];
    if (slot < 0) return -1;
    const due = this.#records.page(slot)[this.#records.at(slot) + this.#words.due];
    return ((now - due) | 0) >= 0 ? slot : -1;
  }

  #set(slot: number, word: number, value: number): void {
    this.#records.page(slot)[this.#records.at(slot) + word] = value;
  }
}
