import { noConditions } from '../decide/conditions.ts';
import { RequestScan } from '../decode/scan.ts';
import { Slice } from '../model/slice.ts';
import { IdHash } from '../tables/id-hash.ts';
import { Envelopes } from '../wire/envelopes.ts';
import { Writer } from '../wire/writer.ts';
import { RecordWriter, type TraceRecord } from './record-writer.ts';

export interface Split {
  readonly records: readonly TraceRecord[];
  readonly spans: number;
  /** Spans that were left out, and why the first one was. */
  readonly invalid: number;
  readonly reason: string;
}

/** A request that is more, cut by trace, than may wait: each trace's spans bring their envelope. */
export class TooMuchError extends Error {
  override readonly name = 'TooMuchError';
}

interface SplitLimits {
  /** See RequestScan. */
  readonly maxEnvelopeBytes: number;
  readonly maxSpanBytes: number;
  /** Of a record's value; a trace's spans beyond it are another record of the same key. */
  readonly maxRecordBytes: number;
  /** Of all records of a request. */
  readonly maxBytes: number;
}

/** So much is scanned, or written, in one step: some tenths of a millisecond. */
const bytesAStep = 64 * 1024;

/**
 * Requests → records by trace, keyed by trace id, as the Collector's kafka exporter writes them with
 * `partition_traces_by_id` and `otlp_proto`: a record holds spans of one trace, each slice as it came, in order, under
 * its envelope. Nothing is decoded. Source: opentelemetry-collector-contrib, exporter/kafkaexporter.
 */
export class TraceSplitter {
  readonly #limits: SplitLimits;
  readonly #scan: RequestScan;
  readonly #hash: IdHash;
  #out = new Writer(bytesAStep);

  /** `seed` differs between processes, see IdHash. */
  constructor(limits: SplitLimits, seed: number) {
    this.#limits = limits;
    this.#scan = new RequestScan(limits.maxEnvelopeBytes, limits.maxSpanBytes);
    this.#hash = new IdHash(seed);
  }

  /** Cuts buf[start, end), whose bytes are copied. Throws MalformedError, TooManySpansError or TooMuchError. */
  split(buf: Uint8Array, start: number, end: number): Split {
    const work = this.#cut(buf, start, end, this.#scan, this.#out.reset());
    try {
      for (;;) {
        const step = work.next();
        if (step.done === true) return step.value;
      }
    } finally {
      if (this.#out.buf.length > 16 * bytesAStep) this.#out = new Writer(bytesAStep);
      this.#scan.trim();
    }
  }

  /** The same in steps, between which others are cut. */
  inSteps(buf: Uint8Array, start: number, end: number): Generator<undefined, Split> {
    return this.#cut(buf, start, end, this.#scan.another(), new Writer(end - start));
  }

  *#cut(buf: Uint8Array, start: number, end: number, scan: RequestScan, out: Writer): Generator<undefined, Split> {
    scan.begin(buf, start, end, noConditions);
    while (!scan.step(bytesAStep)) yield;
    const { slices, count, stride } = scan;
    const { firsts, next } = this.#chain(slices, count, stride);
    const { maxRecordBytes, maxBytes } = this.#limits;
    const writer = new RecordWriter(out, new Envelopes(buf), maxRecordBytes);
    let stepAt = bytesAStep;
    for (const first of firsts) {
      writer.begin(slices, first * stride);
      for (let row = first; row >= 0; row = next[row]) {
        writer.span(buf, slices, row * stride);
        if (out.pos > maxBytes)
          throw new TooMuchError(`cut by trace it is more than ${maxBytes} bytes (kafka.max_bytes)`);
      }
      writer.end();
      if (out.pos < stepAt) continue;
      stepAt = out.pos + bytesAStep;
      yield;
    }
    return {
      records: writer.finish(),
      spans: count - writer.leftOut,
      invalid: scan.invalid + writer.leftOut,
      reason: scan.reason || writer.reason,
    };
  }

  /** The rows of each trace, in order: where each trace starts, and for each row the next one of its trace, or -1. */
  #chain(rows: Int32Array, count: number, stride: number): { firsts: number[]; next: Int32Array } {
    const firsts: number[] = [];
    const lasts: number[] = [];
    const next = new Int32Array(count).fill(-1);
    const mask = 2 ** Math.ceil(Math.log2(Math.max(16, 2 * count))) - 1;
    const table = new Int32Array(mask + 1).fill(-1);
    for (let i = 0; i < count; i++) {
      const row = i * stride;
      let at = this.#hashOf(rows, row) & mask;
      while (table[at] >= 0 && !isSameTrace(rows, firsts[table[at]] * stride, row)) at = (at + 1) & mask;
      const trace = table[at];
      if (trace < 0) {
        table[at] = firsts.push(i) - 1;
        lasts.push(i);
      } else {
        next[lasts[trace]] = i;
        lasts[trace] = i;
      }
    }
    return { firsts, next };
  }

  #hashOf(rows: Int32Array, row: number): number {
    const [a, b] = [rows[row + Slice.traceIdA], rows[row + Slice.traceIdB]];
    return this.#hash.of(a, b, rows[row + Slice.traceIdC], rows[row + Slice.traceIdD]);
  }
}

const isSameTrace = (rows: Int32Array, a: number, b: number): boolean =>
  rows[a + Slice.traceIdD] === rows[b + Slice.traceIdD] &&
  rows[a + Slice.traceIdC] === rows[b + Slice.traceIdC] &&
  rows[a + Slice.traceIdB] === rows[b + Slice.traceIdB] &&
  rows[a + Slice.traceIdA] === rows[b + Slice.traceIdA];
