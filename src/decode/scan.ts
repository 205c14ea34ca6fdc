import type { SpanConditions } from '../model/conditions.ts';
import { Slice, sliceWords } from '../model/slice.ts';
import { bodyEnd, fieldNumber, fieldType, malformed, open, readTag, skipValue } from '../wire/cursor.ts';
import { skippable, tailAt } from '../wire/envelope.ts';
import { SpanScan } from './scan-span.ts';
import { kindOf, validate } from './validate.ts';

/** So many spans are worth a mark that they can be skipped at once when their envelope is read. */
const manySpans = 8;

const resourceKind = kindOf('resource');
const scopeKind = kindOf('scope');

/**
 * The one pass over a request's bytes: cuts it into slices, checks that every message in it is well formed, and sets the bits
 * that the rules ask for. The table of slices is reused by the next scan; it holds numbers only, so a request leaves no garbage.
 * Source of the encoding: opentelemetry-proto ExportTraceServiceRequest; unknown fields are legal everywhere.
 */
export class RequestScan {
  slices = new Int32Array(sliceWords * 1024);
  /** How many slices the last scan found, and how many spans it left out because an id was invalid. */
  count = 0;
  invalid = 0;
  readonly #span = new SpanScan();

  /** Scans buf[start, end). Throws MalformedError, after which nothing of the request may be used. */
  run(buf: Uint8Array, start: number, end: number, conditions: SpanConditions): void {
    this.count = 0;
    this.invalid = 0;
    let pos = start;
    while (pos < end) {
      const tagAt = pos;
      pos = readTag(buf, pos, end);
      if (fieldNumber !== 1) {
        pos = skipValue(buf, pos, end, fieldNumber, fieldType);
        continue;
      }
      if (fieldType !== 2) throw malformed(tagAt, `resource_spans has wire type ${fieldType}`);
      const lengthAt = pos;
      pos = open(buf, pos, end);
      const bodyTo = bodyEnd;
      this.#resourceSpans(buf, pos, bodyTo, lengthAt, conditions);
      pos = bodyTo;
    }
  }

  /** The bits of one span under other conditions than it was scanned with: rules changed while it waited. */
  rescan(buf: Uint8Array, start: number, end: number, conditions: SpanConditions): number {
    this.#span.run(buf, start, end, conditions);
    return this.#span.bits;
  }

  #resourceSpans(buf: Uint8Array, pos: number, end: number, resourceSpansAt: number, conditions: SpanConditions): void {
    while (pos < end) {
      const tagAt = pos;
      pos = readTag(buf, pos, end);
      if (fieldNumber > 3) {
        pos = skipValue(buf, pos, end, fieldNumber, fieldType);
        continue;
      }
      if (fieldType !== 2) throw malformed(tagAt, `ResourceSpans field ${fieldNumber} has wire type ${fieldType}`);
      const field = fieldNumber;
      const lengthAt = pos;
      pos = open(buf, pos, end);
      const bodyTo = bodyEnd;
      if (field === 1) validate(resourceKind, buf, pos, bodyTo);
      else if (field === 2) this.#scopeSpans(buf, pos, bodyTo, resourceSpansAt, lengthAt, conditions);
      pos = bodyTo;
    }
  }

  #scopeSpans(
    buf: Uint8Array,
    pos: number,
    end: number,
    resourceSpansAt: number,
    scopeSpansAt: number,
    conditions: SpanConditions,
  ): void {
    const firstRow = this.count;
    let spansTo = -1;
    let gaps = 0;
    while (pos < end) {
      const tag = buf[pos];
      if (tag === 0x12) {
        if (spansTo >= 0 && pos !== spansTo) gaps++;
        pos = open(buf, pos + 1, end);
        const bodyTo = bodyEnd;
        spansTo = bodyTo;
        this.#span.run(buf, pos, bodyTo, conditions);
        this.#note(buf, pos, bodyTo - pos, resourceSpansAt, scopeSpansAt);
        pos = bodyTo;
      } else if (tag === 0x0a || tag === 0x1a) {
        pos = open(buf, pos + 1, end);
        const bodyTo = bodyEnd;
        if (tag === 0x0a) validate(scopeKind, buf, pos, bodyTo);
        pos = bodyTo;
      } else {
        const tagAt = pos;
        pos = readTag(buf, pos, end);
        if (fieldNumber <= 3) throw malformed(tagAt, `ScopeSpans field ${fieldNumber} has wire type ${fieldType}`);
        pos = skipValue(buf, pos, end, fieldNumber, fieldType);
      }
    }
    if (this.count - firstRow >= manySpans && gaps === 0 && tailAt(buf, end) === spansTo) this.#markSkippable(firstRow);
  }

  #markSkippable(firstRow: number): void {
    for (let i = firstRow; i < this.count; i++) this.slices[i * sliceWords + Slice.scopeSpans] |= skippable;
  }

  #note(buf: Uint8Array, start: number, length: number, resourceSpansAt: number, scopeSpansAt: number): void {
    const span = this.#span;
    const at = span.traceIdAt;
    if (at < 0) {
      this.invalid++;
      return;
    }
    if ((this.count + 1) * sliceWords > this.slices.length) this.#grow();
    const rows = this.slices;
    const row = this.count++ * sliceWords;
    rows[row + Slice.start] = start;
    rows[row + Slice.length] = length;
    rows[row + Slice.resourceSpans] = resourceSpansAt;
    rows[row + Slice.scopeSpans] = scopeSpansAt;
    rows[row + Slice.traceIdA] = (buf[at] << 24) | (buf[at + 1] << 16) | (buf[at + 2] << 8) | buf[at + 3];
    rows[row + Slice.traceIdB] = (buf[at + 4] << 24) | (buf[at + 5] << 16) | (buf[at + 6] << 8) | buf[at + 7];
    rows[row + Slice.traceIdC] = (buf[at + 8] << 24) | (buf[at + 9] << 16) | (buf[at + 10] << 8) | buf[at + 11];
    rows[row + Slice.traceIdD] = (buf[at + 12] << 24) | (buf[at + 13] << 16) | (buf[at + 14] << 8) | buf[at + 15];
    rows[row + Slice.bits] = span.bits;
    rows[row + Slice.randomnessHigh] = span.randomnessHigh;
    rows[row + Slice.randomnessLow] = span.randomnessLow;
  }

  #grow(): void {
    const grown = new Int32Array(this.slices.length * 2);
    grown.set(this.slices);
    this.slices = grown;
  }
}
