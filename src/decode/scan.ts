import type { SpanConditions } from '../model/conditions.ts';
import { Slice, sliceWords } from '../model/slice.ts';
import { bodyEnd, fieldNumber, fieldType, malformed, open, readTag, skipValue } from '../wire/cursor.ts';
import { skippable, tailAt } from '../wire/envelope.ts';
import { instrumentationLibrarySpans } from '../wire/otlp.ts';
import { MalformedError } from '../wire/reader.ts';
import { SpanScan } from './scan-span.ts';
import { kindOf, validate } from './validate.ts';

/** So many spans are worth a mark that they can be skipped at once when their envelope is read. */
const manySpans = 8;

/**
 * A broken message costs a microsecond or two, so a request may have as many as it pays for with its length: spans of
 * senders that write protobuf, however broken, are longer.
 */
const maxBroken = 10_000;
const brokenAnyway = 100;
const bytesABroken = 128;

const resourceKind = kindOf('resource');
const scopeKind = kindOf('scope');

/**
 * The one pass over a request's bytes: cuts it into slices, checks that every message in it is well formed, and sets
 * the bits that the rules ask for. The table of slices is reused by the next scan; it holds numbers only, so a request
 * leaves no garbage. A span that others would refuse is left out by itself, and with a resource or scope that they
 * would refuse all spans in it: the batch that a span leaves in is taken or refused as a whole. docs/otlp.md has the
 * rules. Source of the encoding: opentelemetry-proto ExportTraceServiceRequest; unknown fields are legal everywhere.
 */
export class RequestScan {
  slices = new Int32Array(sliceWords * 1024);
  /** How many slices the last scan found, how many spans it left out as invalid, and why the first of them. */
  count = 0;
  invalid = 0;
  reason = '';
  #mayBreak = 0;
  readonly #span = new SpanScan();
  readonly #maxEnvelopeBytes: number;

  /**
   * `maxEnvelopeBytes`: of what stands around spans, for a resource with all that is beside its scopes, and for a
   * scope with all that is beside its spans. Spans in a larger one are left out: a trace takes its envelopes with it
   * into each batch, so few bytes received would be many to read and to send.
   */
  constructor(maxEnvelopeBytes = Number.POSITIVE_INFINITY) {
    this.#maxEnvelopeBytes = maxEnvelopeBytes;
  }

  /** Scans buf[start, end). Throws MalformedError, after which nothing of the request may be used. */
  run(buf: Uint8Array, start: number, end: number, conditions: SpanConditions): void {
    this.count = 0;
    this.invalid = 0;
    this.reason = '';
    this.#mayBreak = Math.min(maxBroken, brokenAnyway + (end - start) / bytesABroken);
    let pos = start;
    while (pos < end) {
      const tagAt = pos;
      pos = readTag(buf, pos, end);
      if (fieldNumber !== 1) {
        pos = skipValue(buf, pos, end, fieldType);
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

  #resourceSpans(
    buf: Uint8Array,
    start: number,
    end: number,
    resourceSpansAt: number,
    conditions: SpanConditions,
  ): void {
    const firstRow = this.count;
    let isSound = true;
    let [hasScopeSpans, hasOldOnes] = [false, false];
    let scopesBytes = 0;
    for (let pos = start; pos < end; ) {
      const tagAt = pos;
      pos = readTag(buf, pos, end);
      const field = fieldNumber;
      if (field > 3) {
        hasOldOnes ||= field === instrumentationLibrarySpans && fieldType === 2;
        pos = skipValue(buf, pos, end, fieldType);
        continue;
      }
      if (fieldType !== 2) throw malformed(tagAt, `ResourceSpans field ${field} has wire type ${fieldType}`);
      const lengthAt = pos;
      pos = open(buf, pos, end);
      const bodyTo = bodyEnd;
      if (field === 1) isSound = this.#isSound(resourceKind, buf, pos, bodyTo, 2) && isSound;
      else if (field === 2) {
        hasScopeSpans = true;
        scopesBytes += bodyTo - tagAt;
        this.#scopeSpans(buf, pos, bodyTo, resourceSpansAt, lengthAt, conditions);
      }
      pos = bodyTo;
    }
    // Senders of the time of change wrote the same spans under both numbers, so the old ones count where they are
    // alone.
    if (hasOldOnes && !hasScopeSpans) scopesBytes = this.#oldOnes(buf, start, end, resourceSpansAt, conditions);
    isSound &&= this.#isSmall('resource', end - start - scopesBytes);
    if (!isSound) this.#leaveOut(firstRow);
  }

  /**
   * The spans of SDKs that write `instrumentation_library_spans`, which have the form of scope spans. Returns the bytes
   * of those fields.
   */
  #oldOnes(buf: Uint8Array, pos: number, end: number, resourceSpansAt: number, conditions: SpanConditions): number {
    let bytes = 0;
    while (pos < end) {
      const tagAt = pos;
      pos = readTag(buf, pos, end);
      const lengthAt = pos;
      if (fieldNumber !== instrumentationLibrarySpans || fieldType !== 2) {
        pos = skipValue(buf, pos, end, fieldType);
        continue;
      }
      pos = open(buf, pos, end);
      const bodyTo = bodyEnd;
      bytes += bodyTo - tagAt;
      this.#scopeSpans(buf, pos, bodyTo, resourceSpansAt, lengthAt, conditions);
      pos = bodyTo;
    }
    return bytes;
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
    let isSound = true;
    let spansTo = -1;
    let gaps = 0;
    let aroundBytes = end - pos;
    while (pos < end) {
      const tag = buf[pos];
      if (tag === 0x12) {
        if (spansTo >= 0 && pos !== spansTo) gaps++;
        aroundBytes += pos;
        pos = open(buf, pos + 1, end);
        const bodyTo = bodyEnd;
        spansTo = bodyTo;
        aroundBytes -= bodyTo;
        this.#spanAt(buf, pos, bodyTo, resourceSpansAt, scopeSpansAt, conditions);
        pos = bodyTo;
      } else if (tag === 0x0a || tag === 0x1a) {
        pos = open(buf, pos + 1, end);
        const bodyTo = bodyEnd;
        if (tag === 0x0a) isSound = this.#isSound(scopeKind, buf, pos, bodyTo, 3) && isSound;
        pos = bodyTo;
      } else {
        const tagAt = pos;
        pos = readTag(buf, pos, end);
        if (fieldNumber <= 3) throw malformed(tagAt, `ScopeSpans field ${fieldNumber} has wire type ${fieldType}`);
        pos = skipValue(buf, pos, end, fieldType);
      }
    }
    isSound &&= this.#isSmall('scope', aroundBytes);
    if (!isSound) this.#leaveOut(firstRow);
    if (this.count - firstRow >= manySpans && gaps === 0 && tailAt(buf, end) === spansTo) this.#markSkippable(firstRow);
  }

  #spanAt(
    buf: Uint8Array,
    start: number,
    end: number,
    resourceSpansAt: number,
    scopeSpansAt: number,
    conditions: SpanConditions,
  ): void {
    try {
      this.#span.run(buf, start, end, conditions);
    } catch (error) {
      this.#note(error);
      this.invalid++;
      return;
    }
    this.#add(buf, start, end - start, resourceSpansAt, scopeSpansAt);
  }

  /** Whether a message around spans is one that others take, too. */
  #isSound(kind: number, buf: Uint8Array, start: number, end: number, depth: number): boolean {
    try {
      validate(kind, buf, start, end, depth);
      return true;
    } catch (error) {
      this.#note(error);
      return false;
    }
  }

  #isSmall(what: string, bytes: number): boolean {
    if (bytes <= this.#maxEnvelopeBytes) return true;
    this.reason ||= `a ${what} of ${bytes} bytes; at most ${this.#maxEnvelopeBytes} (receive.max_envelope_bytes)`;
    return false;
  }

  #note(error: unknown): void {
    if (!(error instanceof MalformedError) || --this.#mayBreak < 0) throw error;
    this.reason ||= error.message;
  }

  /** Takes back the slices since `firstRow`: what surrounds them is broken. */
  #leaveOut(firstRow: number): void {
    this.invalid += this.count - firstRow;
    this.count = firstRow;
  }

  #markSkippable(firstRow: number): void {
    for (let i = firstRow; i < this.count; i++) this.slices[i * sliceWords + Slice.scopeSpans] |= skippable;
  }

  #add(buf: Uint8Array, start: number, length: number, resourceSpansAt: number, scopeSpansAt: number): void {
    const span = this.#span;
    const at = span.traceIdAt;
    if (at < 0) {
      this.invalid++;
      this.reason ||= span.fault;
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
