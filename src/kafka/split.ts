import { noConditions } from '../decide/conditions.ts';
import { RequestScan } from '../decode/scan.ts';
import { Slice } from '../model/slice.ts';
import { fnv1a } from '../tables/fnv.ts';
import { IdHash } from '../tables/id-hash.ts';
import { type Envelope, type ResourceEnvelope, readResource, readScope } from '../wire/envelope.ts';
import { Request, ResourceSpans, ScopeSpans } from '../wire/otlp.ts';
import { Writer } from '../wire/writer.ts';

/** A record of a topic: one trace's spans of one request, as an ExportTraceServiceRequest. */
export interface TraceRecord {
  /** The trace id in 32 hex digits, in lower case, as ASCII. */
  readonly key: Buffer;
  readonly value: Buffer;
  /** Of the key, see partition.ts. */
  readonly hash: number;
}

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
const keyBytes = 32;
/** Tags and lengths around a span. */
const frameBytes = 32;
const hexDigits = Buffer.from('0123456789abcdef');

/**
 * Requests → records by trace, keyed by trace id, as the Collector's kafka exporter writes them with
 * `partition_traces_by_id` and `otlp_proto`: a record holds spans of one trace, each slice as it came, in order, under
 * its envelope. Nothing is decoded. Source: opentelemetry-collector-contrib, exporter/kafkaexporter.
 */
export class TraceSplitter {
  readonly #limits: SplitLimits;
  readonly #scan: RequestScan;
  readonly #hash: IdHash;
  #out = new Writer(64 * 1024);

  /** `seed` differs between processes, see IdHash. */
  constructor(limits: SplitLimits, seed: number) {
    this.#limits = limits;
    this.#scan = new RequestScan(limits.maxEnvelopeBytes, limits.maxSpanBytes);
    this.#hash = new IdHash(seed);
  }

  /**
   * Cuts buf[start, end), whose bytes are copied. Throws MalformedError, TooManySpansError or TooMuchError. `isAlone`:
   * nothing else is cut by this splitter between two steps.
   */
  *split(buf: Uint8Array, start: number, end: number, isAlone: boolean): Generator<undefined, Split> {
    const scan = isAlone ? this.#scan : this.#scan.another();
    scan.begin(buf, start, end, noConditions);
    while (!scan.step(bytesAStep)) yield;
    const { slices, count, stride } = scan;
    const traces = this.#chain(slices, count, stride);
    const envelopes = new Envelopes(buf);
    const out = isAlone ? this.#out.reset() : new Writer(end - start);
    const marks: number[] = [];
    const writer = new RecordWriter(out, envelopes, this.#limits.maxRecordBytes);
    let stepAt = bytesAStep;
    for (const first of traces.firsts) {
      writer.begin(slices, first * stride);
      for (let row = first; row >= 0; row = traces.next[row]) {
        writer.span(buf, slices, row * stride, marks);
        if (out.pos > this.#limits.maxBytes) this.#giveUp();
      }
      writer.end(marks);
      if (out.pos < stepAt) continue;
      stepAt = out.pos + bytesAStep;
      yield;
    }
    const split = {
      records: recordsOf(out.finish(), marks),
      spans: count - writer.leftOut,
      invalid: scan.invalid + writer.leftOut,
      reason: scan.reason || writer.reason,
    };
    this.#trim();
    return split;
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

  #giveUp(): never {
    this.#trim();
    throw new TooMuchError(`cut by trace it is more than ${this.#limits.maxBytes} bytes (kafka.max_bytes)`);
  }

  #hashOf(rows: Int32Array, row: number): number {
    const [a, b] = [rows[row + Slice.traceIdA], rows[row + Slice.traceIdB]];
    return this.#hash.of(a, b, rows[row + Slice.traceIdC], rows[row + Slice.traceIdD]);
  }

  /** Lets go of what one large request needed. */
  #trim(): void {
    if (this.#out.buf.length > 16 * bytesAStep) this.#out = new Writer(bytesAStep);
    this.#scan.trim();
  }
}

/** Writes records one after the other, each behind its key. */
class RecordWriter {
  leftOut = 0;
  reason = '';
  readonly #out: Writer;
  readonly #envelopes: Envelopes;
  readonly #maxBytes: number;
  #keyAt = 0;
  #resource = -1;
  #scope = -1;
  #resourceMark = 0;
  #scopeMark = 0;
  #spans = 0;
  #tailBytes = 0;

  constructor(out: Writer, envelopes: Envelopes, maxBytes: number) {
    this.#out = out;
    this.#envelopes = envelopes;
    this.#maxBytes = maxBytes;
  }

  begin(rows: Int32Array, row: number): void {
    const out = this.#out;
    this.#keyAt = out.pos;
    this.#spans = 0;
    this.#resource = -1;
    this.#scope = -1;
    out.reserve(keyBytes);
    for (let word = 0; word < 4; word++)
      for (let shift = 28; shift >= 0; shift -= 4)
        out.buf[out.pos++] = hexDigits[(rows[row + Slice.traceIdA + word] >>> shift) & 15];
  }

  /** `marks`: where a record that is full, and the next one begins, is noted. */
  span(buf: Uint8Array, rows: Int32Array, row: number, marks: number[]): void {
    const resourceAt = rows[row + Slice.resourceSpans];
    const scopeAt = rows[row + Slice.scopeSpans];
    const from = rows[row + Slice.start];
    const length = rows[row + Slice.length];
    const envelope = this.#envelopes.at(resourceAt, scopeAt);
    const bytes = length + envelopeBytes(envelope) + frameBytes;
    if (bytes > this.#maxBytes) {
      this.leftOut++;
      this.reason ||= `a span of ${length} bytes; with its resource at most ${this.#maxBytes} (kafka.max_record_bytes)`;
      return;
    }
    if (this.#spans > 0 && this.#valueBytes() + bytes > this.#maxBytes) {
      this.end(marks);
      this.begin(rows, row);
    }
    this.#enter(envelope, resourceAt, scopeAt);
    this.#out.bytes(ScopeSpans.spans, buf, from, from + length);
    this.#spans++;
  }

  end(marks: number[]): void {
    if (this.#spans === 0) {
      this.#out.pos = this.#keyAt;
      return;
    }
    this.#leaveResource();
    marks.push(this.#keyAt, this.#out.pos);
  }

  #valueBytes(): number {
    return this.#out.pos - this.#keyAt - keyBytes + this.#tailBytes;
  }

  #enter(envelope: Envelope, resourceAt: number, scopeAt: number): void {
    const out = this.#out;
    if (resourceAt === this.#resource && scopeAt === this.#scope) return;
    if (resourceAt !== this.#resource) {
      this.#leaveResource();
      this.#resourceMark = out.open(Request.resourceSpans);
      if (envelope.resource.length > 0) out.bytes(ResourceSpans.resource, envelope.resource);
      this.#resource = resourceAt;
    } else this.#leaveScope();
    this.#scopeMark = out.open(ResourceSpans.scopeSpans);
    if (envelope.scope.length > 0) out.bytes(ScopeSpans.scope, envelope.scope);
    this.#scope = scopeAt;
    this.#tailBytes = envelope.resourceRest.length + envelope.scopeRest.length + frameBytes;
  }

  #leaveScope(): void {
    if (this.#scope === -1) return;
    this.#out.raw(this.#envelopes.at(this.#resource, this.#scope).scopeRest);
    this.#out.close(this.#scopeMark);
    this.#scope = -1;
  }

  #leaveResource(): void {
    if (this.#resource === -1) return;
    const { resourceRest } = this.#envelopes.at(this.#resource, this.#scope);
    this.#leaveScope();
    this.#out.raw(resourceRest);
    this.#out.close(this.#resourceMark);
    this.#resource = -1;
  }
}

/** Of one request; neighbours mostly share theirs, and the spans of one trace come back to few. */
class Envelopes {
  readonly #buf: Uint8Array;
  readonly #byScope = new Map<number, Envelope>();
  /** Whoever looks for a resource passes all scopes beside it: once, not for each of them. */
  readonly #resources = new Map<number, ResourceEnvelope>();

  constructor(buf: Uint8Array) {
    this.#buf = buf;
  }

  /** A ScopeSpans has one place, and is of one ResourceSpans. */
  at(resourceSpansAt: number, scopeSpansAt: number): Envelope {
    let envelope = this.#byScope.get(scopeSpansAt);
    if (envelope === undefined) {
      let resource = this.#resources.get(resourceSpansAt);
      if (resource === undefined)
        this.#resources.set(resourceSpansAt, (resource = readResource(this.#buf, resourceSpansAt)));
      envelope = { ...resource, ...readScope(this.#buf, scopeSpansAt) };
      this.#byScope.set(scopeSpansAt, envelope);
    }
    return envelope;
  }
}

function recordsOf(bytes: Uint8Array, marks: readonly number[]): TraceRecord[] {
  const records: TraceRecord[] = [];
  const { buffer, byteOffset } = bytes;
  for (let i = 0; i < marks.length; i += 2) {
    const [from, to] = [marks[i], marks[i + 1]];
    records.push({
      key: Buffer.from(buffer, byteOffset + from, keyBytes),
      value: Buffer.from(buffer, byteOffset + from + keyBytes, to - from - keyBytes),
      hash: fnv1a(bytes, from, from + keyBytes),
    });
  }
  return records;
}

const envelopeBytes = ({ resource, resourceRest, scope, scopeRest }: Envelope): number =>
  resource.length + resourceRest.length + scope.length + scopeRest.length;

const isSameTrace = (rows: Int32Array, a: number, b: number): boolean =>
  rows[a + Slice.traceIdD] === rows[b + Slice.traceIdD] &&
  rows[a + Slice.traceIdC] === rows[b + Slice.traceIdC] &&
  rows[a + Slice.traceIdB] === rows[b + Slice.traceIdB] &&
  rows[a + Slice.traceIdA] === rows[b + Slice.traceIdA];
