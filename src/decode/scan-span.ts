import { randomnessBit, rootBit, type SpanConditions } from '../model/conditions.ts';
import {
  bodyEnd,
  fieldNumber,
  fieldType,
  malformed,
  open,
  readTag,
  skipFixed,
  skipValue,
  skipVarint,
  varint32,
} from '../wire/cursor.ts';
import { parseRandomness, randomness } from '../wire/tracestate.ts';
import { MoreBits, nothingScanned } from './more-bits.ts';
import { attributeBits, keyHash, NamedKeys } from './named-keys.ts';
import { kindOf, validate } from './validate.ts';

/** How deep a span lies in its request: in a ResourceSpans, in a ScopeSpans. */
const spanDepth = 3;

const keyValueKind = kindOf('keyValue');
const eventKind = kindOf('event');
const linkKind = kindOf('link');
const statusKind = kindOf('status');
/** Of attributes in a row that are looked at together; those beyond take the patient way. */
const mostHits = 16;
const hits = new Int32Array(mostHits);

const nothing = new Uint8Array(0);
const viewOf = ({ buffer, byteOffset, length }: Uint8Array): DataView => new DataView(buffer, byteOffset, length);
const nothingThere = viewOf(nothing);

/**
 * Reads one span in one walk over its fields, in whatever order they come; the last of a repeated scalar wins. Results
 * stand in the fields of this object until the next run.
 */
export class SpanScan {
  /** What is wrong with the span's ids; empty = nothing. */
  fault = '';
  /** The first word of bits, and the further ones. */
  bits = 0;
  wide = new Int32Array(0);
  /** The four words of the trace id, where it is valid. */
  traceIdA = 0;
  traceIdB = 0;
  traceIdC = 0;
  traceIdD = 0;
  /** Where its times stand; −1 = it has none. */
  startAt = -1;
  endAt = -1;
  /** End − start, not less than 0; 0 where one is missing. */
  tookNs = 0;
  /** Explicit randomness, where `randomnessBit` is set. */
  randomnessHigh = 0;
  randomnessLow = 0;
  #conditions: SpanConditions | undefined = undefined;
  #named = new NamedKeys([]);
  #bucketOf = this.#named.bucketOf;
  #more: MoreBits | undefined = undefined;
  readonly #scanned = nothingScanned();
  /** Where in the buffer it has its ids, and how long they are; the last of each counts. */
  #traceIdAt = -1;
  #traceIdBytes = 0;
  #spanIdAt = -1;
  #spanIdBytes = 0;
  #parentAt = 0;
  #parentBytes = 0;
  /** Of its status. */
  #code = 0;
  /** How many of the usual attributes that were passed last have a key that rules may name. */
  #hits = 0;
  /** The buffer of the last span, and a view of it: four bytes at once take a quarter of what they do one by one. */
  #buf: Uint8Array = nothing;
  #view = nothingThere;

  /** Lets go of the buffer: a segment may be gone after the turn. */
  forget(): void {
    this.#buf = nothing;
    this.#view = nothingThere;
  }

  /** Throws MalformedError for a span that is not well formed. */
  run(buf: Uint8Array, start: number, end: number, conditions: SpanConditions): void {
    this.#begin(buf, conditions);
    for (let pos = start; pos < end; ) {
      pos = this.#usualFields(buf, this.#view, pos, end);
      if (this.#hits > 0) this.#askAttributes(buf);
      if (pos < end) pos = this.#anyField(buf, pos, end);
    }
    this.#conclude(buf, start, end, conditions);
  }

  #begin(buf: Uint8Array, conditions: SpanConditions): void {
    if (conditions !== this.#conditions) this.#ask(conditions);
    this.#named.begin();
    if (conditions.words > 1) this.wide.fill(0);
    if (buf !== this.#buf) {
      this.#buf = buf;
      this.#view = viewOf(buf);
    }
    this.#traceIdAt = -1;
    this.#traceIdBytes = 0;
    this.#spanIdAt = -1;
    this.#spanIdBytes = 0;
    this.#parentAt = 0;
    this.#parentBytes = 0;
    this.startAt = -1;
    this.endAt = -1;
    this.#code = 0;
    this.bits = 0;
    this.fault = '';
  }

  /**
   * Fields as every SDK writes them, with a length of one byte; returns where another one begins, or `end`. Nothing is called
   * here, so that what is known of the arrays need not be asked again for each byte: it takes two thirds of the time.
   */
  #usualFields(buf: Uint8Array, view: DataView, pos: number, end: number): number {
    const bucketOf = this.#bucketOf;
    // No field has less than two bytes, and the buffer may end with the span.
    const last = end - 1;
    let found = 0;
    while (pos < last) {
      const tag = buf[pos];
      if (tag === 0x4a) {
        // An attribute: key, then value, each once. Four bytes are read at once: tag and length, tag and length of the key;
        // then the key's last byte and the value's first ones.
        if (pos + 8 > end) break;
        const head = view.getUint32(pos, true);
        const keyBytes = head >>> 24;
        const to = pos + 2 + ((head >>> 8) & 0xff);
        const valueAt = pos + 6 + keyBytes;
        if ((head & 0xff8000) !== 0x0a0000 || keyBytes === 0 || valueAt + 2 > to || to > end) break;
        const middle = view.getUint32(valueAt - 3, true);
        if (((middle >>> 8) & 0xffff) !== (((to - valueAt) << 8) | 0x12)) break;
        const valueTag = middle >>> 24;
        if (valueTag === 0x0a) {
          if (buf[valueAt + 1] >= 0x80 || valueAt + 2 + buf[valueAt + 1] !== to) break;
        } else if (valueTag === 0x18) {
          let at = valueAt + 1;
          while (at < to && buf[at] >= 0x80) at++;
          if (at + 1 !== to || to - valueAt > 10) break;
        } else if (valueTag === 0x10) {
          if (valueAt + 2 !== to || buf[valueAt + 1] >= 0x80) break;
        } else if (valueTag !== 0x21 || valueAt + 9 !== to) break;
        if (bucketOf[keyHash(keyBytes, buf[pos + 4], middle & 0xff)] !== 0) {
          if (found === mostHits) break;
          hits[found++] = pos;
        }
        pos = to;
        continue;
      }
      const bytes = buf[pos + 1];
      let to = pos + 2 + bytes;
      if (tag === 0x0a) {
        if (bytes !== 16 || to > end) break;
        this.#traceIdAt = pos + 2;
        this.#traceIdBytes = 16;
      } else if (tag === 0x12) {
        if (bytes !== 8 || to > end) break;
        this.#spanIdAt = pos + 2;
        this.#spanIdBytes = 8;
      } else if (tag === 0x22) {
        if (bytes !== 8 || to > end) break;
        this.#parentAt = pos + 2;
        this.#parentBytes = 8;
      } else if (tag === 0x2a) {
        if (bytes >= 0x80 || to > end) break;
      } else if (tag === 0x39) {
        to = pos + 9;
        if (to > end) break;
        this.startAt = pos + 1;
      } else if (tag === 0x41) {
        to = pos + 9;
        if (to > end) break;
        this.endAt = pos + 1;
      } else if (tag === 0x30) {
        to = pos + 2;
        if (bytes >= 0x80 || to > end) break;
      } else if (tag === 0x7a) {
        // A status of nothing, or of a code alone.
        if (to > end) break;
        if (bytes === 2 && buf[pos + 2] === 0x18 && buf[pos + 3] < 0x80) this.#code = buf[pos + 3];
        else if (bytes !== 0) break;
      } else if (tag === 0x85 && bytes === 1) {
        // `flags`.
        to = pos + 6;
        if (to > end) break;
      } else break;
      pos = to;
    }
    this.#hits = found;
    return pos;
  }

  #askAttributes(buf: Uint8Array): void {
    for (let i = 0; i < this.#hits; i++)
      this.bits |= this.#named.bitsAt(buf, this.#view, hits[i], this.bits, this.wide);
  }

  /** One field in whatever form it has; returns where the next one begins. */
  #anyField(buf: Uint8Array, pos: number, end: number): number {
    const tag = buf[pos];
    switch (tag) {
      case 0x0a:
        this.#traceIdAt = pos = open(buf, pos + 1, end);
        this.#traceIdBytes = bodyEnd - pos;
        if (this.#traceIdBytes !== 16) this.fault ||= wrongTraceId(this.#traceIdBytes);
        return bodyEnd;
      case 0x12:
        this.#spanIdAt = pos = open(buf, pos + 1, end);
        this.#spanIdBytes = bodyEnd - pos;
        if (this.#spanIdBytes !== 8) this.fault ||= wrongSpanId('span_id', this.#spanIdBytes);
        return bodyEnd;
      case 0x1a:
        this.#readTracestate(buf, open(buf, pos + 1, end), bodyEnd);
        return bodyEnd;
      case 0x22:
        this.#parentAt = pos = open(buf, pos + 1, end);
        this.#parentBytes = bodyEnd - pos;
        if (this.#parentBytes !== 8) this.fault ||= wrongSpanId('parent_span_id', this.#parentBytes);
        return bodyEnd;
      case 0x2a:
        open(buf, pos + 1, end);
        return bodyEnd;
      case 0x30:
      case 0x50:
      case 0x60:
      case 0x70:
        return skipVarint(buf, pos + 1, end);
      case 0x39:
        this.startAt = pos + 1;
        return skipFixed(pos + 1, end, 8);
      case 0x41:
        this.endAt = pos + 1;
        return skipFixed(pos + 1, end, 8);
      case 0x4a:
        return this.#readAttribute(buf, open(buf, pos + 1, end), bodyEnd);
      case 0x5a:
        return validated(eventKind, buf, open(buf, pos + 1, end), bodyEnd);
      case 0x6a:
        return validated(linkKind, buf, open(buf, pos + 1, end), bodyEnd);
      case 0x7a:
        return this.#readStatus(buf, open(buf, pos + 1, end), bodyEnd);
      case 0x85:
        // `flags`, if its tag's second byte says so.
        return buf[pos + 1] === 1 ? skipFixed(pos + 2, end, 4) : otherField(buf, pos, end);
      default:
        return otherField(buf, pos, end);
    }
  }

  #readTracestate(buf: Uint8Array, start: number, end: number): void {
    if (end === start || !parseRandomness(buf, start, end)) return;
    this.bits |= randomnessBit;
    this.randomnessHigh = randomness.high;
    this.randomnessLow = randomness.low;
  }

  #readAttribute(buf: Uint8Array, start: number, end: number): number {
    validate(keyValueKind, buf, start, end, spanDepth + 1);
    this.bits |= attributeBits(this.#named, buf, start, end, this.bits, this.wide);
    return end;
  }

  #readStatus(buf: Uint8Array, start: number, end: number): number {
    this.#code = statusCode(buf, start, validated(statusKind, buf, start, end), this.#code);
    return end;
  }

  #conclude(buf: Uint8Array, start: number, end: number, conditions: SpanConditions): void {
    if (this.#traceIdBytes !== 16 || !this.#readTraceId(this.#view, this.#traceIdAt))
      this.fault ||= 'no trace_id, or all zero';
    else if (this.#spanIdBytes !== 8 || isZero(buf, this.#spanIdAt, 8)) this.fault ||= 'no span_id, or all zero';
    const code = this.#code;
    const isRoot = this.#parentBytes === 0 || isZero(buf, this.#parentAt, this.#parentBytes);
    let bits = this.bits | conditions.statusBits[code === 0 || code === 1 || code === 2 ? code : 3];
    if (isRoot) bits |= rootBit;
    const lastedNs = this.startAt >= 0 && this.endAt >= 0 ? durationNs(this.#view, this.startAt, this.endAt) : 0;
    if (lastedNs > conditions.slowNs) bits |= conditions.slowBits;
    this.tookNs = Math.max(lastedNs, 0);
    if (this.#more !== undefined) {
      const scanned = this.#scanned;
      scanned.start = start;
      scanned.end = end;
      scanned.code = code;
      scanned.isRoot = isRoot;
      scanned.durationNs = lastedNs;
      bits |= this.#more.of(buf, scanned, this.wide);
    }
    this.bits = bits;
  }

  /** False where it is all zero. */
  #readTraceId(view: DataView, at: number): boolean {
    const a = view.getInt32(at);
    const b = view.getInt32(at + 4);
    const c = view.getInt32(at + 8);
    const d = view.getInt32(at + 12);
    this.traceIdA = a;
    this.traceIdB = b;
    this.traceIdC = c;
    this.traceIdD = d;
    return (a | b | c | d) !== 0;
  }

  #ask(conditions: SpanConditions): void {
    this.#conditions = conditions;
    this.#named = new NamedKeys(conditions.attributes);
    this.#bucketOf = this.#named.bucketOf;
    this.#more = conditions.more && new MoreBits(conditions.more);
    this.wide = new Int32Array(conditions.words - 1);
  }
}

/**
 * Of an id that stands there several times the last one counts, but others read, and measure, each of them. None is no
 * fault.
 */
const wrongTraceId = (bytes: number): string => wrongId('trace_id', bytes, 16);
const wrongSpanId = (name: string, bytes: number): string => wrongId(name, bytes, 8);
/** Who wrote JSON may have taken base64 for it, as ProtoJSON has it elsewhere. */
const wrongId = (name: string, bytes: number, right: number): string =>
  bytes === 0 ? '' : `a ${name} of ${bytes} bytes, not ${right} (in JSON: ${2 * right} hex digits)`;

/** Where a message ends that is well formed. */
function validated(kind: number, buf: Uint8Array, start: number, end: number): number {
  validate(kind, buf, start, end, spanDepth + 1);
  return end;
}

/** A field that is not one of the usual ones: an unknown one, or a known one with a wire type that it cannot have. */
function otherField(buf: Uint8Array, pos: number, end: number): number {
  const tagAt = pos;
  pos = readTag(buf, pos, end);
  if (fieldNumber < 16 || (fieldNumber === 16 && fieldType !== 5)) {
    throw malformed(tagAt, `Span field ${fieldNumber} has wire type ${fieldType}, or its tag more bytes than it needs`);
  }
  return skipValue(buf, pos, end, fieldType);
}

function isZero(buf: Uint8Array, at: number, length: number): boolean {
  for (let i = at; i < at + length; i++) if (buf[i] !== 0) return false;
  return true;
}

/** end − start; a missing (zero) time or an end before its start is no duration at all. Exact below 104 days. */
function durationNs(view: DataView, startAt: number, endAt: number): number {
  const startHigh = view.getUint32(startAt + 4, true);
  const startLow = view.getUint32(startAt, true);
  const endHigh = view.getUint32(endAt + 4, true);
  if (startHigh === 0 && startLow === 0) return 0;
  return (endHigh - startHigh) * 4294967296 + (view.getUint32(endAt, true) - startLow);
}

function statusCode(buf: Uint8Array, pos: number, end: number, code: number): number {
  while (pos < end) {
    pos = readTag(buf, pos, end);
    const isCode = fieldNumber === 3;
    if (isCode) code = varint32(buf, pos, end);
    pos = skipValue(buf, pos, end, fieldType);
  }
  return code;
}
