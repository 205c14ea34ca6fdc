import { bytesOf, isFirst, Row } from '../buffer/slices.ts';
import { Trace, type TraceBuffer } from '../buffer/trace-buffer.ts';
import { addTimes, durationOf } from '../buffer/trace-columns.ts';
import { randomnessBit, rootBit, type SpanConditions } from '../model/conditions.ts';
import { emptyPlace, type SpanPlace, type TraceFacts, type TraceSpans } from '../model/predicates.ts';
import { isAnySet, Slice, sliceWords } from '../model/slice.ts';
import type { WitnessTest } from '../model/verdict.ts';
import type { Emitter } from './emit.ts';
import { Rescan } from './rescan.ts';
import type { Revision } from './revision.ts';

/** Spans, and bytes of them, that are looked at for a witness: some microseconds. */
const mostWitnesses = 32;
const mostLookedBytes = 32 * 1024;
/** Rows that are passed on the way to those. */
const mostWalked = 1024;

/** What a decision looks at, gathered from a waiting trace. One object is reused for all traces of a shard. */
export class GatheredFacts implements TraceFacts {
  bits = new Int32Array(1);
  readonly id = new Int32Array(4);
  randomnessHigh = 0;
  randomnessLow = 0;
  spans = 0;
  bytes = 0;
  durationNs = 0;
  /** As Trace has it. */
  longestNs = 0;
  now = 0;
  readonly trace: TraceSpans = { forEach: (visit) => this.#forEach(visit) };
  readonly #buffer: TraceBuffer;
  /** Bytes that the last search for a witness went through. */
  lookedBytes = 0;
  readonly #times = new Int32Array(4);
  readonly #rescan: Rescan;
  readonly #place = emptyPlace();
  #head = -1;
  #isScannedAgain = false;

  constructor(buffer: TraceBuffer, emitter: Emitter) {
    this.#buffer = buffer;
    this.#rescan = new Rescan(emitter);
  }

  /** True where the trace's spans had to be scanned again: other rules are in force than when they came. */
  gather(slot: number, revision: Revision, now: number): boolean {
    const { traces } = this.#buffer;
    const words = traces.page(slot);
    const at = traces.at(slot);
    this.#head = words[at + Trace.head];
    this.spans = words[at + Trace.spans];
    this.bytes = words[at + Trace.bytes] >>> 0;
    this.longestNs = words[at + Trace.longestNs];
    this.now = now;
    for (let i = 0; i < 4; i++) this.id[i] = words[at + i];
    const explicit = (words[at + Trace.bits] & randomnessBit) !== 0;
    this.randomnessHigh = explicit ? words[at + Trace.randomnessHigh] : words[at + Trace.idC] & 0xffffff;
    this.randomnessLow = (explicit ? words[at + Trace.randomnessLow] : words[at + Trace.idD]) >>> 0;
    const { conditions } = revision.set;
    if (this.bits.length !== conditions.words) this.bits = new Int32Array(conditions.words);
    this.bits[0] = words[at + Trace.bits];
    this.#isScannedAgain = words[at + Trace.conditions] !== revision.conditions;
    if (this.#isScannedAgain) {
      this.#scanAgain(conditions);
      return true;
    }
    this.durationNs = 0;
    if (conditions.rowWords > sliceWords) this.#readColumns(slot, conditions);
    return false;
  }

  /**
   * A span that is as a policy asks, if one is found; its place is good until the next one. The first of a trace that
   * is so said something first in it, so where rows say who did, others are looked at only if none of those was it.
   */
  witness(test: WitnessTest, conditions: SpanConditions): SpanPlace | undefined {
    this.lookedBytes = 0;
    const among = this.#isScannedAgain ? undefined : this.#witness(test, conditions, isFirst);
    return among ?? this.#witness(test, conditions, isAny);
  }

  #witness(
    { bits, isOfLongest }: WitnessTest,
    conditions: SpanConditions,
    isLookedAt: (length: number) => boolean,
  ): SpanPlace | undefined {
    const { slices } = this.#buffer;
    const span = this.#place;
    let left = mostWitnesses;
    let row = this.#head;
    for (let walked = 0; row >= 0 && walked < mostWalked; walked++) {
      const page = slices.words(row);
      const r = slices.at(row);
      if (isLookedAt(page[r + Row.length])) {
        this.#goTo(row, page, r);
        this.lookedBytes += span.end - span.start;
        const rows = this.#rescan.rowOf(span, conditions);
        if (isAnySet(bits, rows, 0) && (!isOfLongest || rows[Slice.tookNs] === this.longestNs)) return span;
        if (--left === 0 || this.lookedBytes >= mostLookedBytes) return undefined;
      }
      row = page[r + Row.next];
    }
    return undefined;
  }

  #readColumns(slot: number, { words, timesAt }: SpanConditions): void {
    const { columns } = this.#buffer;
    if (columns === undefined) return;
    const page = columns.page(slot);
    const at = columns.at(slot);
    for (let i = 1; i < words; i++) this.bits[i] = page[at + i - 1];
    this.durationNs = timesAt === 0 ? 0 : durationOf(page, at + words - 1);
  }

  #scanAgain(conditions: SpanConditions): void {
    const { bits } = this;
    const facts = bits[0] & (rootBit | randomnessBit);
    bits.fill(0);
    bits[0] = facts;
    this.#times.fill(0);
    const { timesAt, words } = conditions;
    this.#forEach((span) => {
      const rows = this.#rescan.rowOf(span, conditions);
      bits[0] |= rows[Slice.bits];
      for (let i = 1; i < words; i++) bits[i] |= rows[sliceWords + i - 1];
      if (timesAt > 0) addTimes(this.#times, 0, rows, timesAt);
      return true;
    });
    this.durationNs = timesAt === 0 ? 0 : durationOf(this.#times, 0);
  }

  #forEach(visit: (span: SpanPlace) => boolean): void {
    const { slices } = this.#buffer;
    for (let row = this.#head; row >= 0; ) {
      const page = slices.words(row);
      const r = slices.at(row);
      this.#goTo(row, page, r);
      if (!visit(this.#place)) return;
      row = page[r + Row.next];
    }
  }

  #goTo(row: number, page: Int32Array, r: number): void {
    const place = this.#place;
    place.buf = this.#buffer.bytesAt(row);
    place.start = page[r + Row.start];
    place.end = place.start + bytesOf(page[r + Row.length]);
    place.resourceSpansAt = page[r + Row.resourceSpans];
    place.scopeSpansAt = page[r + Row.scopeSpans];
  }
}

const isAny = (): boolean => true;
