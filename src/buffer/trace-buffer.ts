import type { SpanConditions } from '../model/conditions.ts';
import { Slice, sliceWords } from '../model/slice.ts';
import type { Blocks } from '../tables/blocks.ts';
import type { IdHash } from '../tables/id-hash.ts';
import { IdIndex } from '../tables/id-index.ts';
import { Records } from '../tables/records.ts';
import { Deadlines } from './deadlines.ts';
import { type Lender, type Segment, Segments } from './segments.ts';
import { Row, Slices } from './slices.ts';
import { TraceColumns } from './trace-columns.ts';
import { Unpacked } from './unpacked.ts';
import type { Window } from './window.ts';

/** The record of a waiting trace, in Int32 words. */
export const Trace = {
  /** The trace id in four words, big-endian; the index reads them there. */
  idA: 0,
  idB: 1,
  idC: 2,
  idD: 3,
  head: 4,
  tail: 5,
  spans: 6,
  bytes: 7,
  /** All bits that any of its spans set, see model/conditions.ts. */
  bits: 8,
  randomnessHigh: 9,
  randomnessLow: 10,
  /** Monotonic ms of the first span: upper and lower 32 bits. */
  firstHigh: 11,
  firstLow: 12,
  /** Which conditions its bits were set by; others mean a rescan. */
  conditions: 13,
  due: 14,
  previous: 15,
  next: 16,
  bucket: 17,
  /** Nanoseconds that its longest span took, as tables/float-bits.ts has them. */
  longestNs: 18,
} as const;
const traceWords = 19;
/** Instead of a bucket: the trace is on its way out, and nothing points to it but who sees it out. */
const unlisted = -1;

export interface BufferOptions {
  readonly decisionWaitMs: number;
  /** 0 = off. */
  readonly decisionWaitAfterRootMs: number;
  /** Decompresses what `pack` was given; where waiting segments are compressed. */
  readonly unpack?: (packed: Uint8Array) => Uint8Array;
}

/**
 * Traces that wait for their decision. Owns, in the blocks that it is given, the segments that requests land in, the rows that say where slices lie, and
 * the records of traces; all of them are numbers in typed arrays, whatever the traffic.
 */
export class TraceBuffer {
  readonly segments: Segments;
  readonly slices: Slices;
  readonly traces: Records;
  readonly blocks: Blocks;
  /** Where the rules in force ask for more than a trace's record holds. */
  columns: TraceColumns | undefined = undefined;
  /** The number of the conditions in force, see shard/revision.ts. */
  asked = 0;
  readonly #index: IdIndex;
  readonly #deadlines: Deadlines;
  readonly #waitMs: number;
  readonly #afterRootMs: number;
  readonly #unpacked: Unpacked;
  /** Waiting spans; waiting traces are `traces.size`. */
  spans = 0;

  /** `window`: where what waits no more goes; absent: it is gone. */
  constructor(
    options: BufferOptions,
    hash: IdHash,
    blocks: Blocks,
    { lender, window }: { readonly lender?: Lender | undefined; readonly window?: Window | undefined } = {},
  ) {
    this.blocks = blocks;
    this.slices = new Slices(blocks);
    this.traces = new Records(traceWords, blocks);
    this.#waitMs = options.decisionWaitMs;
    this.#afterRootMs = options.decisionWaitAfterRootMs;
    this.#unpacked = new Unpacked(options.unpack, blocks);
    this.segments = new Segments(blocks, (segment: Segment) => this.#forget(segment), lender, window);
    this.#index = new IdIndex(this.traces, hash, blocks);
    const longestMs = Math.max(this.#waitMs, this.#afterRootMs);
    this.#deadlines = new Deadlines(this.traces, Trace, longestMs);
    this.traces.onPageGone = (number) => this.columns?.giveBack(number);
  }

  /** Other conditions are in force: what is noted of traces from now on is theirs. `number`: see shard/revision.ts. */
  ask(conditions: SpanConditions, number: number): void {
    this.asked = number;
    if (this.columns?.conditions === number) return;
    this.columns?.close();
    const isMore = conditions.rowWords > sliceWords;
    this.columns = isMore ? new TraceColumns(number, conditions, this.traces, this.blocks) : undefined;
  }

  /** Is there memory for a message of `length` bytes? Where there is nothing else, there is. */
  fits(length: number): boolean {
    if (this.segments.bytes === 0 && this.traces.size === 0) return length <= this.blocks.maxBytes;
    return this.segments.bytesFor(length) <= this.blocks.freeBytes;
  }

  /** Is there memory to note so many slices, of as many traces that are new? `segment`: the number of theirs. */
  fitsSlices(count: number, segment?: number): boolean {
    return this.bytesForSlices(count, segment) <= this.blocks.freeBytes;
  }

  /** What noting so many slices takes, of as many traces that are new. */
  bytesForSlices(count: number, segment?: number): number {
    const rows = this.slices.bytesFor(count, segment === undefined ? undefined : this.segments.get(segment));
    const columns = this.columns?.bytesFor(count) ?? 0;
    return rows + this.traces.bytesFor(count) + columns + this.#index.bytesFor(count);
  }

  /** Bytes held for what waits, by what they hold: messages, where slices lie, traces and their index. */
  get memory(): { readonly segments: number; readonly rows: number; readonly traces: number; readonly index: number } {
    const traces = this.traces.bytes + (this.columns?.bytes ?? 0);
    const [rows, index] = [this.slices.bytes, this.#index.bytes];
    return { segments: this.blocks.inUseBytes - rows - traces - index, rows, traces, index };
  }

  /** The slot of the waiting trace whose id stands at ids[at … at + 4), or -1. */
  find(ids: Int32Array, at: number): number {
    return this.#index.find(ids, at);
  }

  /** Starts the trace whose id stands at ids[from … from + 4); its wait runs from `now`. */
  start(ids: Int32Array, from: number, conditions: number, now: number): number {
    const slot = this.hold(ids, from, conditions, now);
    this.columns?.begin(slot);
    this.#index.insert(slot);
    this.#deadlines.add(slot, now + this.#waitMs);
    return slot;
  }

  /** The same without a wait: nobody will find it, and nothing falls due. */
  hold(ids: Int32Array, from: number, conditions: number, now: number): number {
    const slot = this.traces.allocate();
    const words = this.traces.page(slot);
    const at = this.traces.at(slot);
    words[at + Trace.idA] = ids[from];
    words[at + Trace.idB] = ids[from + 1];
    words[at + Trace.idC] = ids[from + 2];
    words[at + Trace.idD] = ids[from + 3];
    words[at + Trace.head] = -1;
    words[at + Trace.tail] = -1;
    words[at + Trace.firstHigh] = Math.floor(now / 4294967296);
    words[at + Trace.firstLow] = now | 0;
    words[at + Trace.conditions] = conditions;
    words[at + Trace.bucket] = unlisted;
    return slot;
  }

  /**
   * Appends to a trace the slice of segment `number` that the row at rows[from …] describes, see model/slice.ts. `flags`:
   * those of slices.ts.
   */
  append(slot: number, number: number, rows: Int32Array, from: number, flags: number): void {
    const segment = this.segments.get(number);
    const length = rows[from + Slice.length];
    const row = this.slices.add(number, segment);
    const slice = this.slices.words(row);
    const sliceAt = this.slices.at(row);
    slice[sliceAt + Row.start] = rows[from + Slice.start];
    slice[sliceAt + Row.length] = length | flags;
    slice[sliceAt + Row.resourceSpans] = rows[from + Slice.resourceSpans];
    slice[sliceAt + Row.scopeSpans] = rows[from + Slice.scopeSpans];
    slice[sliceAt + Row.trace] = slot;
    slice[sliceAt + Row.next] = -1;
    segment.live++;
    const words = this.traces.page(slot);
    const at = this.traces.at(slot);
    const tail = words[at + Trace.tail];
    if (tail < 0) words[at + Trace.head] = row;
    else this.slices.words(tail)[this.slices.at(tail) + Row.next] = row;
    words[at + Trace.tail] = row;
    words[at + Trace.spans]++;
    words[at + Trace.bytes] += length;
    this.spans++;
  }

  /** The root came: the decision falls due `decisionWaitAfterRootMs` later, unless it is due before. */
  hasten(slot: number, now: number): void {
    if (this.#afterRootMs === 0) return;
    const due = now + this.#afterRootMs;
    const present = this.traces.page(slot)[this.traces.at(slot) + Trace.due];
    if (((due - present) | 0) >= 0) return;
    this.#deadlines.remove(slot);
    this.#deadlines.add(slot, due);
  }

  /** The bytes in which a row's slice lies. They may be lent for this turn only: nobody may keep them. */
  bytesAt(row: number): Uint8Array {
    const number = this.slices.segmentOf(row);
    const { bytes, packed, sequence } = this.segments.get(number);
    return packed === undefined ? bytes : this.#unpacked.of(sequence, packed);
  }

  /**
   * A segment worth compressing, with its messages' bytes; undefined when there is none. They stay what they are until
   * `pack`.
   */
  packable(before: number): { readonly number: number; readonly bytes: Uint8Array } | undefined {
    const number = this.segments.packable(before);
    if (number < 0) return undefined;
    const segment = this.segments.get(number);
    segment.pending++;
    return { number, bytes: segment.bytes.subarray(0, segment.used) };
  }

  /** The compressed bytes of the segment that was `packable`, or undefined where it cannot be compressed. */
  pack(number: number, packed: Uint8Array | undefined): void {
    const segment = this.segments.get(number);
    segment.pending--;
    if (segment.live === 0) {
      this.segments.releaseIfUnused(number);
      return;
    }
    if (packed === undefined || packed.length >= segment.used) {
      segment.openedAt = Number.POSITIVE_INFINITY;
      return;
    }
    const place = this.segments.pack(number, packed);
    for (const page of this.segments.get(place).rowPages) this.slices.move(page, place);
  }

  #forget(segment: Segment): void {
    this.slices.release(segment);
    this.#unpacked.forget(segment.sequence);
  }

  /** Milliseconds since the decision fell due. */
  overdue(slot: number, now: number): number {
    return (now - this.traces.page(slot)[this.traces.at(slot) + Trace.due]) | 0;
  }

  /** Did the root make the decision fall due earlier than the wait alone? */
  wasHastened(slot: number): boolean {
    const words = this.traces.page(slot);
    const at = this.traces.at(slot);
    return ((words[at + Trace.due] - words[at + Trace.firstLow]) | 0) < this.#waitMs;
  }

  /** A trace whose decision is due at `now`, or -1. */
  due(now: number): number {
    return this.#deadlines.due(now);
  }

  /** The trace whose decision falls due first, or -1. */
  first(): number {
    return this.#deadlines.first();
  }

  /** When a trace's first span came, in monotonic ms. */
  firstSpanAt(slot: number): number {
    const words = this.traces.page(slot);
    const at = this.traces.at(slot);
    return words[at + Trace.firstHigh] * 4294967296 + (words[at + Trace.firstLow] >>> 0);
  }

  headOf(slot: number): number {
    return this.traces.page(slot)[this.traces.at(slot) + Trace.head];
  }

  /** So many of the trace's spans have left. */
  countOut(slot: number, spans: number): void {
    this.traces.page(slot)[this.traces.at(slot) + Trace.spans] -= spans;
    this.spans -= spans;
  }

  /** The trace's wait is over: nobody finds it any more, and its slices stay until `free`. */
  unlist(slot: number): void {
    this.#index.remove(slot);
    this.#deadlines.remove(slot);
    this.traces.page(slot)[this.traces.at(slot) + Trace.bucket] = unlisted;
  }

  /** Forgets an unlisted trace and its rows; segments in which nothing waits any more are given back. */
  free(slot: number): void {
    const words = this.traces.page(slot);
    const at = this.traces.at(slot);
    this.spans -= words[at + Trace.spans];
    let touched = -1;
    for (let row = words[at + Trace.head]; row >= 0; ) {
      const page = this.slices.words(row);
      const r = this.slices.at(row);
      const segment = this.slices.segmentOf(row);
      if (segment !== touched && touched >= 0) this.segments.releaseIfUnused(touched);
      touched = segment;
      this.segments.get(segment).live--;
      page[r + Row.trace] = -1;
      row = page[r + Row.next];
    }
    this.traces.release(slot);
    if (touched >= 0) this.segments.releaseIfUnused(touched);
  }

  /**
   * The waiting traces with slices in the oldest segment that holds any, those whose root came first: deciding them all
   * gives the segment back. Empty when nothing waits.
   */
  *oldest(isComplete: (slot: number) => boolean): Generator<number> {
    const segment = this.segments.oldestWaiting();
    if (segment !== undefined) yield* this.tracesIn(segment, isComplete);
  }

  /**
   * The waiting traces with slices in a segment, those whose root came first; whatever happens while they are walked, it
   * may be given back and hold others' messages.
   */
  *tracesIn(segment: Segment, isComplete: (slot: number) => boolean): Generator<number> {
    const { sequence } = segment;
    for (const complete of [true, false]) {
      for (const page of [...segment.rowPages]) {
        for (let i = 0; segment.live > 0 && segment.sequence === sequence && i < this.slices.rowsIn(page); i++) {
          const row = page * 1024 + i;
          const slot = this.slices.words(row)[this.slices.at(row) + Row.trace];
          if (slot >= 0 && this.#isListed(slot) && isComplete(slot) === complete) yield slot;
        }
      }
    }
  }

  #isListed(slot: number): boolean {
    return this.traces.page(slot)[this.traces.at(slot) + Trace.bucket] !== unlisted;
  }
}
