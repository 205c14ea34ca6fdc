import type { SpanConditions } from '../model/conditions.ts';
import { Slice, sliceWords } from '../model/slice.ts';
import { floatBits } from '../tables/float-bits.ts';
import { skippable } from '../wire/envelope.ts';
import type { SpanScan } from './scan-span.ts';

const fewestRows = 1024;

/** Of one request, of rows as they usually are: 50 MB. Spans with all that an SDK writes are so many in 64 MiB, and seven times as long. */
const maxSpans = 1024 * 1024;
const maxWords = maxSpans * sliceWords;

/** A request with more spans than are taken at once. */
export class TooManySpansError extends Error {
  override readonly name = 'TooManySpansError';
}

/** The slices of the request at hand, as rows of numbers, so that a request leaves no garbage. */
export class SliceTable {
  rows: Int32Array;
  count = 0;
  /** Words of a row. */
  stride = sliceWords;
  #timesAt = 0;

  /** The most slices that a request had since `trim`. */
  #most = 0;

  constructor(rows = fewestRows) {
    this.rows = new Int32Array(sliceWords * rows);
  }

  /** Forgets all rows; the next are as `conditions` have them. */
  begin({ rowWords, timesAt }: SpanConditions): void {
    this.#most = Math.max(this.#most, this.count);
    this.count = 0;
    this.stride = rowWords;
    this.#timesAt = timesAt;
  }

  /** Lets go of rows that no request has needed since the last call. */
  trim(): void {
    const needed = Math.max(fewestRows, this.#most, this.count) * this.stride;
    if (this.rows.length > 4 * needed) this.rows = this.rows.slice(0, needed);
    this.#most = 0;
  }

  /** A slice at buf[start, start + length), by what its scan found; where its row starts. Throws TooManySpansError. */
  add(
    buf: Uint8Array,
    start: number,
    length: number,
    resourceSpansAt: number,
    scopeSpansAt: number,
    of: SpanScan,
  ): number {
    if ((this.count + 1) * this.stride > this.rows.length) this.#grow();
    const { rows } = this;
    const row = this.count++ * this.stride;
    rows[row + Slice.start] = start;
    rows[row + Slice.length] = length;
    rows[row + Slice.resourceSpans] = resourceSpansAt;
    rows[row + Slice.scopeSpans] = scopeSpansAt;
    rows[row + Slice.traceIdA] = of.traceIdA;
    rows[row + Slice.traceIdB] = of.traceIdB;
    rows[row + Slice.traceIdC] = of.traceIdC;
    rows[row + Slice.traceIdD] = of.traceIdD;
    rows[row + Slice.bits] = of.bits;
    rows[row + Slice.randomnessHigh] = of.randomnessHigh;
    rows[row + Slice.randomnessLow] = of.randomnessLow;
    rows[row + Slice.tookNs] = floatBits(of.tookNs);
    if (this.stride > sliceWords) this.#addMore(buf, row + sliceWords, of);
    return row;
  }

  #addMore(buf: Uint8Array, at: number, { wide, startAt, endAt }: SpanScan): void {
    for (let i = 0; i < wide.length; i++) this.rows[at + i] = wide[i];
    if (this.#timesAt === 0) return;
    const to = at + wide.length;
    this.rows[to] = startAt < 0 ? 0 : littleEndian(buf, startAt + 4);
    this.rows[to + 1] = startAt < 0 ? 0 : littleEndian(buf, startAt);
    this.rows[to + 2] = endAt < 0 ? 0 : littleEndian(buf, endAt + 4);
    this.rows[to + 3] = endAt < 0 ? 0 : littleEndian(buf, endAt);
  }

  /** Takes back the slices since `firstRow`; how many they were. */
  takeBack(firstRow: number): number {
    const taken = this.count - firstRow;
    this.count = firstRow;
    return taken;
  }

  markSkippable(firstRow: number): void {
    for (let i = firstRow; i < this.count; i++) this.rows[i * this.stride + Slice.scopeSpans] |= skippable;
  }

  #grow(): void {
    const most = Math.floor(maxWords / this.stride);
    if (this.count >= most) throw new TooManySpansError(`more than ${most} spans in one request: send fewer`);
    const grown = new Int32Array(this.rows.length * 2);
    grown.set(this.rows);
    this.rows = grown;
  }
}

function littleEndian(buf: Uint8Array, at: number): number {
  return buf[at] | (buf[at + 1] << 8) | (buf[at + 2] << 16) | (buf[at + 3] << 24);
}
