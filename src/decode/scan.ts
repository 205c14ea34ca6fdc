import type { SpanConditions } from '../model/conditions.ts';
import { bodyEnd, fieldNumber, fieldType, malformed, open, readTag, skipValue } from '../wire/cursor.ts';
import { canBeSkipped } from '../wire/envelope.ts';
import { instrumentationLibrarySpans } from '../wire/otlp.ts';
import { MalformedError } from '../wire/reader.ts';
import { RowBits } from './row-bits.ts';
import { SpanScan } from './scan-span.ts';
import { SliceTable } from './slice-table.ts';
import { ResourceUnderWay, ScopeUnderWay } from './under-way.ts';
import { kindOf, validate } from './validate.ts';

/**
 * A broken message costs a microsecond or two, so a request may have as many as it pays for with its length: spans of
 * senders that write protobuf, however broken, are longer.
 */
const maxBroken = 10_000;
const brokenAnyway = 100;
const bytesABroken = 128;

/** Completing a row costs what so many bytes of scanning do. */
const bytesALateRow = 64;

const nothing = new Uint8Array(0);
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
  /** How many spans the last scan left out as invalid, and why the first of them. */
  invalid = 0;
  reason = '';
  readonly #table = new SliceTable();
  readonly #span = new SpanScan();
  readonly #maxEnvelopeBytes: number;
  readonly #maxSpanBytes: number;
  #mayBreak = 0;
  #buf: Uint8Array = nothing;
  #conditions: SpanConditions | undefined = undefined;
  #rowBits: RowBits | undefined = undefined;
  /** How far the scan is, and where it rests next. */
  #pos = 0;
  #end = 0;
  #until = 0;
  readonly #resource = new ResourceUnderWay();
  readonly #scope = new ScopeUnderWay();

  /**
   * `maxEnvelopeBytes`: of what stands around spans, for a resource with all that is beside its scopes, and for a
   * scope with all that is beside its spans. Spans in a larger one are left out: a trace takes its envelopes with it
   * into each batch, so few bytes received would be many to read and to send. `maxSpanBytes`: a longer span is left
   * out, since one span is scanned, and written, in one go.
   */
  constructor(maxEnvelopeBytes = Number.POSITIVE_INFINITY, maxSpanBytes = Number.POSITIVE_INFINITY) {
    this.#maxEnvelopeBytes = maxEnvelopeBytes;
    this.#maxSpanBytes = maxSpanBytes;
  }

  /** One with the same limits, and a table of its own. */
  another(): RequestScan {
    return new RequestScan(this.#maxEnvelopeBytes, this.#maxSpanBytes);
  }

  /** The slices that were found, and how many they are. */
  get slices(): Int32Array {
    return this.#table.rows;
  }

  get count(): number {
    return this.#table.count;
  }

  /** Words of a row. */
  get stride(): number {
    return this.#table.stride;
  }

  /** Bytes of the table of slices. */
  get bytes(): number {
    return this.#table.rows.byteLength;
  }

  /** Lets go of a table that no request has needed since the last call. */
  trim(): void {
    this.#table.trim();
  }

  /**
   * Scans buf[start, end). Throws MalformedError or TooManySpansError, after which nothing of the request may be used.
   */
  run(buf: Uint8Array, start: number, end: number, conditions: SpanConditions): void {
    this.begin(buf, start, end, conditions);
    this.step(Number.POSITIVE_INFINITY);
  }

  /** The same in steps: nothing may be used before `step` said that it is done. */
  begin(buf: Uint8Array, start: number, end: number, conditions: SpanConditions): void {
    if (conditions !== this.#conditions) this.#rowBits = RowBits.for(conditions);
    this.#table.begin(conditions);
    this.invalid = 0;
    this.reason = '';
    this.#mayBreak = Math.min(maxBroken, brokenAnyway + (end - start) / bytesABroken);
    this.#buf = buf;
    this.#conditions = conditions;
    this.#pos = start;
    this.#end = end;
    this.#resource.isOpen = false;
    this.#scope.isOpen = false;
  }

  /** Scans on for about `bytes`, a span or a resource more at most; true when all is scanned. */
  step(bytes: number): boolean {
    this.#until = this.#pos + bytes;
    for (;;) {
      if (this.#scope.isOpen) {
        this.#scanScope();
        if (this.#pos < this.#scope.end) return false;
        this.#endScope();
      } else if (this.#resource.isOpen) {
        if (this.#resource.isOfOldOnes) this.#scanOldOnes();
        else this.#scanResource();
        if (this.#scope.isOpen) continue;
        if (this.#pos < this.#resource.end || !this.#completeLate(bytes)) return false;
        this.#endResource(bytes);
      } else {
        this.#scanRequest();
        if (!this.#resource.isOpen) break;
      }
    }
    if (this.#pos < this.#end) return false;
    this.#buf = nothing;
    this.#span.forget();
    return true;
  }

  /** Up to the next ResourceSpans, which it opens. */
  #scanRequest(): void {
    const buf = this.#buf;
    const end = this.#end;
    const stop = Math.min(end, this.#until);
    let pos = this.#pos;
    while (pos < stop && !this.#resource.isOpen) {
      const tagAt = pos;
      pos = readTag(buf, pos, end);
      if (fieldNumber !== 1) {
        pos = skipValue(buf, pos, end, fieldType);
        continue;
      }
      if (fieldType !== 2) throw malformed(tagAt, `resource_spans has wire type ${fieldType}`);
      const lengthAt = pos;
      pos = open(buf, pos, end);
      this.#resource.begin(lengthAt, pos, bodyEnd, this.count);
      this.#rowBits?.beginResource();
    }
    this.#pos = pos;
  }

  /** Up to its next ScopeSpans, which it opens. */
  #scanResource(): void {
    const buf = this.#buf;
    const resource = this.#resource;
    const { end } = resource;
    const stop = Math.min(end, this.#until);
    let pos = this.#pos;
    while (pos < stop && !this.#scope.isOpen) {
      const tagAt = pos;
      pos = readTag(buf, pos, end);
      const field = fieldNumber;
      if (field > 3) {
        resource.hasOldOnes ||= field === instrumentationLibrarySpans && fieldType === 2;
        pos = skipValue(buf, pos, end, fieldType);
        continue;
      }
      if (fieldType !== 2) throw malformed(tagAt, `ResourceSpans field ${field} has wire type ${fieldType}`);
      const lengthAt = pos;
      pos = open(buf, pos, end);
      const bodyTo = bodyEnd;
      if (field === 2) {
        resource.hasScopeSpans = true;
        resource.scopesBytes += bodyTo - tagAt;
        this.#beginScope(lengthAt, pos, bodyTo);
        continue;
      }
      if (field === 1) this.#readResource(pos, bodyTo);
      pos = bodyTo;
    }
    this.#pos = pos;
  }

  /** The spans of SDKs that write `instrumentation_library_spans`, which have the form of scope spans. */
  #scanOldOnes(): void {
    const buf = this.#buf;
    const resource = this.#resource;
    const { end } = resource;
    const stop = Math.min(end, this.#until);
    let pos = this.#pos;
    while (pos < stop && !this.#scope.isOpen) {
      const tagAt = pos;
      pos = readTag(buf, pos, end);
      if (fieldNumber !== instrumentationLibrarySpans || fieldType !== 2) {
        pos = skipValue(buf, pos, end, fieldType);
        continue;
      }
      const lengthAt = pos;
      pos = open(buf, pos, end);
      resource.scopesBytes += bodyEnd - tagAt;
      this.#beginScope(lengthAt, pos, bodyEnd);
    }
    this.#pos = pos;
  }

  #readResource(start: number, end: number): void {
    const resource = this.#resource;
    const isSound = this.#isSound(resourceKind, 'resource', start, end, 2);
    resource.isSound &&= isSound;
    if (!isSound || this.#rowBits === undefined) return;
    this.#rowBits.readResource(this.#buf, start, end);
    if (this.count > resource.firstRow) resource.completeFrom = resource.firstRow;
  }

  #beginScope(lengthAt: number, start: number, end: number): void {
    this.#scope.begin(lengthAt, start, end, this.count);
    this.#rowBits?.beginScope();
  }

  /**
   * Where a resource or scope stands behind spans of it, as is legal, the bits of those are set when all is read; so
   * many in a step. True when all is done.
   */
  #completeLate(stepBytes: number): boolean {
    const resource = this.#resource;
    if (resource.completeFrom < 0 || this.#rowBits === undefined) return true;
    const { rows, stride } = this.#table;
    const to = Math.min(this.count, resource.completeFrom + Math.max(1, stepBytes / bytesALateRow));
    for (; resource.completeFrom < to; resource.completeFrom++) {
      const row = resource.completeFrom * stride;
      this.#rowBits.resource.addTo(rows, row);
      this.#rowBits.follow(this.#buf, rows, row);
    }
    if (to < this.count) return false;
    resource.completeFrom = -1;
    return true;
  }

  #endResource(stepBytes: number): void {
    const resource = this.#resource;
    // Senders of the time of change wrote the same spans under both numbers, so the old ones count where they are
    // alone.
    if (resource.hasOldOnes && !resource.hasScopeSpans && !resource.isOfOldOnes) {
      resource.isOfOldOnes = true;
      this.#pos = resource.start;
      this.#until = this.#pos + stepBytes;
      return;
    }
    resource.isOpen = false;
    const isSmall = this.#isSmall('resource', resource.end - resource.start - resource.scopesBytes);
    if (!resource.isSound || !isSmall) this.invalid += this.#table.takeBack(resource.firstRow);
  }

  #scanScope(): void {
    const buf = this.#buf;
    const scope = this.#scope;
    const { end, at: scopeSpansAt } = scope;
    const { at: resourceSpansAt } = this.#resource;
    const stop = Math.min(end, this.#until);
    let { spansTo, gaps, spansBytes } = scope;
    let pos = this.#pos;
    while (pos < stop) {
      const tag = buf[pos];
      if (tag === 0x12) {
        if (spansTo >= 0 && pos !== spansTo) gaps++;
        spansBytes -= pos;
        pos = open(buf, pos + 1, end);
        spansTo = bodyEnd;
        spansBytes += spansTo;
        this.#spanAt(buf, pos, spansTo, resourceSpansAt, scopeSpansAt);
        pos = spansTo;
      } else if (tag === 0x0a || tag === 0x1a) {
        pos = open(buf, pos + 1, end);
        const bodyTo = bodyEnd;
        if (tag === 0x0a) this.#readScope(pos, bodyTo);
        pos = bodyTo;
      } else {
        const tagAt = pos;
        pos = readTag(buf, pos, end);
        if (fieldNumber <= 3) throw malformed(tagAt, `ScopeSpans field ${fieldNumber} has wire type ${fieldType}`);
        pos = skipValue(buf, pos, end, fieldType);
      }
    }
    this.#pos = pos;
    scope.spansTo = spansTo;
    scope.gaps = gaps;
    scope.spansBytes = spansBytes;
  }

  #readScope(start: number, end: number): void {
    const isSound = this.#isSound(scopeKind, 'scope', start, end, 3);
    this.#scope.isSound &&= isSound;
    if (!isSound || this.#rowBits === undefined) return;
    this.#rowBits.readScope(this.#buf, start, end);
    if (this.count > this.#scope.firstRow) this.#scope.cameLate = true;
  }

  #endScope(): void {
    if (this.#scope.cameLate) this.#addLateScope();
    const { firstRow, start, end, spansBytes, isSound, gaps, spansTo } = this.#scope;
    this.#scope.isOpen = false;
    const isSmall = isSound && this.#isSmall('scope', end - start - spansBytes);
    if (!isSmall) this.invalid += this.#table.takeBack(firstRow);
    if (gaps === 0 && canBeSkipped(this.count - firstRow, spansTo, this.#buf, end)) this.#table.markSkippable(firstRow);
  }

  #addLateScope(): void {
    const { rows, stride } = this.#table;
    const { firstRow } = this.#scope;
    for (let i = firstRow; i < this.count; i++) this.#rowBits?.scope.addTo(rows, i * stride);
    const resource = this.#resource;
    if (resource.completeFrom < 0) resource.completeFrom = firstRow;
  }

  #spanAt(buf: Uint8Array, start: number, end: number, resourceSpansAt: number, scopeSpansAt: number): void {
    const span = this.#span;
    if (end - start > this.#maxSpanBytes) {
      this.#leaveOut(`a span of ${end - start} bytes; at most ${this.#maxSpanBytes} (receive.max_span_bytes)`);
      return;
    }
    try {
      span.run(buf, start, end, this.#conditions as SpanConditions);
    } catch (error) {
      this.#note(error);
      this.invalid++;
      return;
    }
    if (span.fault !== '') {
      this.#leaveOut(span.fault);
      return;
    }
    const row = this.#table.add(buf, start, end - start, resourceSpansAt, scopeSpansAt, span);
    if (this.#rowBits !== undefined) this.#rowBits.complete(buf, this.#table.rows, row);
  }

  #leaveOut(why: string): void {
    this.invalid++;
    this.reason ||= why;
  }

  /** Whether a message around spans is one that others take, too. One that is too large by itself is not looked into. */
  #isSound(kind: number, what: string, start: number, end: number, depth: number): boolean {
    if (!this.#isSmall(what, end - start)) return false;
    try {
      validate(kind, this.#buf, start, end, depth);
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
}
