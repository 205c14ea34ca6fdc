import type { SpanConditions } from '../model/conditions.ts';
import { bodyEnd, fieldNumber, fieldType, malformed, open, readTag, skipValue } from '../wire/cursor.ts';
import { skippable, tailAt } from '../wire/envelope.ts';
import { SpanScan } from './scan-span.ts';
import { kindOf, validate } from './validate.ts';

/**
 * One row a slice, in Int32 words. Positions are offsets in the scanned buffer. `resourceSpans` and `scopeSpans` say where the
 * length of the enclosing message stands: what a slice's envelope holds is looked up there when a trace is kept, not before.
 */
export const sliceWords = 11;
export const Slice = {
  start: 0,
  length: 1,
  resourceSpans: 2,
  /** With `skippable` where that holds. */
  scopeSpans: 3,
  /** Four words, big-endian. */
  traceId: 4,
  bits: 8,
  /** Explicit randomness: upper 24 and lower 32 bits, where `randomnessBit` is set. */
  randomnessHigh: 9,
  randomnessLow: 10,
} as const;

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
    rows[row] = start;
    rows[row + 1] = length;
    rows[row + 2] = resourceSpansAt;
    rows[row + 3] = scopeSpansAt;
    rows[row + 4] = (buf[at] << 24) | (buf[at + 1] << 16) | (buf[at + 2] << 8) | buf[at + 3];
    rows[row + 5] = (buf[at + 4] << 24) | (buf[at + 5] << 16) | (buf[at + 6] << 8) | buf[at + 7];
    rows[row + 6] = (buf[at + 8] << 24) | (buf[at + 9] << 16) | (buf[at + 10] << 8) | buf[at + 11];
    rows[row + 7] = (buf[at + 12] << 24) | (buf[at + 13] << 16) | (buf[at + 14] << 8) | buf[at + 15];
    rows[row + 8] = span.bits;
    rows[row + 9] = span.randomnessHigh;
    rows[row + 10] = span.randomnessLow;
  }

  #grow(): void {
    const grown = new Int32Array(this.slices.length * 2);
    grown.set(this.slices);
    this.slices = grown;
  }
}
