import { hash } from 'node:crypto';
import type { RequestScan } from '../decode/scan.ts';
import { Slice } from '../model/slice.ts';

/** Senders repeat a request for five minutes: the Collector's sending queue by default, SDKs for less. */
const keptSeconds = 5 * 60;
/** Of more, the oldest are forgotten. A power of two, as the others are. */
const mostSpans = 16_384;
const markCount = 131_072;
const headCount = 16_384;

/**
 * Words of a remembered span: 64 bits of its digest, when it is forgotten (0 = nothing is remembered here), and the next
 * one of the same head (0 = none).
 */
const Entry = { low: 0, high: 1, until: 2, next: 3, words: 4 } as const;
/** Whether somebody has the entries; how many spans were ever entered; when the newest is forgotten, 0 = there is none. */
const Control = { lock: 0, entered: 1, newest: 2, words: 4 } as const;
const marksAt = Control.words;
const headsAt = marksAt + markCount;
const entriesAt = headsAt + headCount;

/** Digested at a stretch: a millisecond. */
const spansAStep = 1024;
/** Of those that this thread enters, whichever tenant's: 64 bits of each span's. */
const digests = new Int32Array(2 * spansAStep);
/** Of more tenants some share one memory, and what it holds. */
const mostMemories = 16;

type Slices = Pick<RequestScan, 'slices' | 'stride' | 'count'>;

/** Of a request's slices; `until`: monotonic seconds. */
interface Some {
  readonly from: number;
  readonly to: number;
  readonly until: number;
}

/**
 * Spans that were taken of requests whose senders were told to try again: OTLP has no answer that asks for a part of a
 * request, so all of it comes once more, by any connection and so to any shard: all of them share the memory. A span is
 * known by what is in it: senders repeat the very bytes.
 *
 *   control | marks for each remainder of a trace id's last two words: until when spans of such traces are remembered
 *           | heads of chains by digest | entries, the oldest of which is the next one's place
 *
 * What a shard enters is there before it answers the sender, and so before the sender can repeat it to another. Entries
 * are written and read under the lock; marks and `newest` by themselves.
 */
export class Repeats {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #tenant: number;
  /** Of the last call of `forget`, in monotonic seconds. */
  #now = 0;

  /** 0.9 MB, of which the system gives what is used. */
  static memory(): SharedArrayBuffer {
    return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT * (entriesAt + mostSpans * Entry.words));
  }

  /** For so many tenants; each has that of its index, modulo their number. */
  static memories(tenants: number): SharedArrayBuffer[] {
    return Array.from({ length: Math.min(tenants, mostMemories) }, () => Repeats.memory());
  }

  /** `memory`: of all shards of the tenant, whose index that is; the same bytes of another are another span. */
  constructor(memory = Repeats.memory(), tenant = 0) {
    this.#words = new Int32Array(memory);
    this.#tenant = tenant;
  }

  /** Asked for each request: nearly always there is none. */
  get isEmpty(): boolean {
    return Atomics.load(this.#words, Control.newest) === 0;
  }

  /** Its owner has it, and its sender does not know; in steps, others go between. `now`: monotonic milliseconds. */
  *expect(bytes: Uint8Array, slices: Slices, now: number): Generator<undefined, void> {
    const { count } = slices;
    const until = Math.ceil(now / 1000) + keptSeconds;
    // Of more spans than are kept none is looked at that would be forgotten at once.
    for (let from = Math.max(0, count - mostSpans); from < count; from += spansAStep) {
      this.#expectSome(bytes, slices, { from, to: Math.min(count, from + spansAStep), until });
      yield;
    }
  }

  /** Whether the slice of this row came before, and was taken. */
  has(bytes: Uint8Array, rows: Int32Array, row: number): boolean {
    if (!this.#isMarked(rows, row + Slice.traceIdD) || !this.#isMarked(rows, row + Slice.traceIdC)) return false;
    const digest = digestOf(bytes, rows, row);
    this.#lock();
    const at = this.#find(digest.readInt32LE(0), digest.readInt32LE(4) ^ this.#tenant);
    const isThere = at > 0 && this.#words[at + Entry.until] > this.#now;
    this.#unlock();
    return isThere;
  }

  /** Which of a request's slices came before and were taken: 1 for each; in steps. */
  *known(bytes: Uint8Array, { slices, stride, count }: Slices): Generator<undefined, Uint8Array> {
    const known = new Uint8Array(count);
    for (let i = 0; i < count; i++) {
      if (this.has(bytes, slices, i * stride)) known[i] = 1;
      if (i % spansAStep === spansAStep - 1) yield;
    }
    return known;
  }

  #expectSome(bytes: Uint8Array, { slices, stride }: Slices, { from, to, until }: Some): void {
    for (let i = from, at = 0; i < to; i++, at += 2) {
      const digest = digestOf(bytes, slices, i * stride);
      digests[at] = digest.readInt32LE(0);
      digests[at + 1] = digest.readInt32LE(4) ^ this.#tenant;
    }
    this.#lock();
    for (let i = from, at = 0; i < to; i++, at += 2) {
      this.#enter(digests[at], digests[at + 1], until);
      this.#raise(markOf(slices, i * stride + Slice.traceIdC), until);
      this.#raise(markOf(slices, i * stride + Slice.traceIdD), until);
    }
    this.#raise(Control.newest, until);
    this.#unlock();
  }

  #isMarked(rows: Int32Array, word: number): boolean {
    return Atomics.load(this.#words, markOf(rows, word)) > this.#now;
  }

  /** Those that nobody repeats any more. `now`: monotonic milliseconds. */
  forget(now: number): void {
    this.#now = Math.floor(now / 1000);
    const newest = Atomics.load(this.#words, Control.newest);
    // Unless another shard has entered some meanwhile.
    if (newest <= this.#now) Atomics.compareExchange(this.#words, Control.newest, newest, 0);
  }

  #enter(low: number, high: number, until: number): void {
    const words = this.#words;
    // Its old place would give way as if it were the oldest still.
    const known = this.#find(low, high);
    if (known > 0) this.#unlink(known);
    const at = entriesAt + (words[Control.entered]++ & (mostSpans - 1)) * Entry.words;
    if (words[at + Entry.until] > 0) this.#unlink(at);
    const head = headOf(low);
    words[at + Entry.low] = low;
    words[at + Entry.high] = high;
    words[at + Entry.until] = until;
    words[at + Entry.next] = words[head];
    words[head] = at;
  }

  /** The word at which the entry begins; 0 = there is none. */
  #find(low: number, high: number): number {
    const words = this.#words;
    let at = words[headOf(low)];
    while (at > 0 && (words[at + Entry.low] !== low || words[at + Entry.high] !== high)) at = words[at + Entry.next];
    return at;
  }

  #unlink(entry: number): void {
    const words = this.#words;
    let link = headOf(words[entry + Entry.low]);
    while (words[link] !== entry) link = words[link] + Entry.next;
    words[link] = words[entry + Entry.next];
    words[entry + Entry.until] = 0;
  }

  /** Never lowered: of two shards that enter at a time, the later one may have looked at the clock first. */
  #raise(at: number, until: number): void {
    if (Atomics.load(this.#words, at) < until) Atomics.store(this.#words, at, until);
  }

  /** Others have it for a tenth of a millisecond at most, and no code that can fail runs meanwhile. */
  #lock(): void {
    while (Atomics.compareExchange(this.#words, Control.lock, 0, 1) !== 0) Atomics.wait(this.#words, Control.lock, 1);
  }

  #unlock(): void {
    Atomics.store(this.#words, Control.lock, 0);
    Atomics.notify(this.#words, Control.lock, 1);
  }
}

const markOf = (rows: Int32Array, word: number): number => marksAt + (rows[word] & (markCount - 1));
const headOf = (low: number): number => headsAt + (low & (headCount - 1));

/** Of the span's bytes, its ids among them; whoever finds two spans alike spoils his own. */
function digestOf(bytes: Uint8Array, rows: Int32Array, row: number): Buffer {
  const start = rows[row + Slice.start];
  return hash('sha256', bytes.subarray(start, start + rows[row + Slice.length]), 'buffer');
}
