import { Slice } from '../model/slice.ts';
import { fnv1a } from '../tables/fnv.ts';
import type { Envelope } from '../wire/envelope.ts';
import type { Envelopes } from '../wire/envelopes.ts';
import { RequestWriter } from '../wire/request-writer.ts';
import type { Writer } from '../wire/writer.ts';

/** A record of a topic: one trace's spans of one request, as an ExportTraceServiceRequest. */
export interface TraceRecord {
  /** The trace id in 32 hex digits, in lower case, as ASCII. */
  readonly key: Buffer;
  readonly value: Buffer;
  /** Of the key, see partition.ts. */
  readonly hash: number;
}

const keyBytes = 32;
/** Tags and lengths around a span. */
const frameBytes = 32;
const hexDigits = Buffer.from('0123456789abcdef');

/** Writes records one after the other, each behind its key. */
export class RecordWriter {
  leftOut = 0;
  reason = '';
  readonly #out: Writer;
  readonly #request: RequestWriter;
  readonly #envelopes: Envelopes;
  readonly #maxBytes: number;
  /** Where each record's key starts, and where the record ends. */
  readonly #marks: number[] = [];
  #keyAt = 0;
  #spans = 0;

  /** `maxBytes`: of a record's value. */
  constructor(out: Writer, envelopes: Envelopes, maxBytes: number) {
    this.#out = out;
    this.#request = new RequestWriter(out);
    this.#envelopes = envelopes;
    this.#maxBytes = maxBytes;
  }

  /** Begins a record of the trace that this row is of. */
  begin(rows: Int32Array, row: number): void {
    const out = this.#out;
    this.#keyAt = out.pos;
    this.#spans = 0;
    out.reserve(keyBytes);
    for (let word = 0; word < 4; word++)
      for (let shift = 28; shift >= 0; shift -= 4)
        out.buf[out.pos++] = hexDigits[(rows[row + Slice.traceIdA + word] >>> shift) & 15];
  }

  /** Adds the slice of a row, in another record where this one is full; one that is larger than a record is left out. */
  span(buf: Uint8Array, rows: Int32Array, row: number): void {
    const from = rows[row + Slice.start];
    const length = rows[row + Slice.length];
    const envelope = this.#envelopes.at(rows[row + Slice.resourceSpans], rows[row + Slice.scopeSpans]);
    const bytes = length + envelopeBytes(envelope) + frameBytes;
    if (bytes > this.#maxBytes) {
      this.leftOut++;
      this.reason ||= `a span of ${length} bytes; with its resource at most ${this.#maxBytes} (kafka.max_record_bytes)`;
      return;
    }
    if (this.#spans > 0 && this.#out.pos - this.#keyAt - keyBytes + bytes > this.#maxBytes) {
      this.end();
      this.begin(rows, row);
    }
    this.#request.span(envelope, buf, from, from + length);
    this.#spans++;
  }

  end(): void {
    this.#request.end();
    if (this.#spans === 0) this.#out.pos = this.#keyAt;
    else this.#marks.push(this.#keyAt, this.#out.pos);
  }

  /** All of them, in memory of their own. */
  finish(): TraceRecord[] {
    const bytes = this.#out.finish();
    const { buffer, byteOffset } = bytes;
    const records: TraceRecord[] = [];
    for (let i = 0; i < this.#marks.length; i += 2) {
      const [from, to] = [this.#marks[i], this.#marks[i + 1]];
      records.push({
        key: Buffer.from(buffer, byteOffset + from, keyBytes),
        value: Buffer.from(buffer, byteOffset + from + keyBytes, to - from - keyBytes),
        hash: fnv1a(bytes, from, from + keyBytes),
      });
    }
    return records;
  }
}

const envelopeBytes = ({ resource, resourceRest, scope, scopeRest }: Envelope): number =>
  resource.length + resourceRest.length + scope.length + scopeRest.length;
