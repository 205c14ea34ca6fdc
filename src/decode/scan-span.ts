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
import { attributeBits, keyHash, NamedKeys, namedBits } from './named-keys.ts';
import { kindOf, validate } from './validate.ts';

/** How deep a span lies in its request: in a ResourceSpans, in a ScopeSpans. */
const spanDepth = 3;

const keyValueKind = kindOf('keyValue');
const anyValueKind = kindOf('anyValue');
const eventKind = kindOf('event');
const linkKind = kindOf('link');
const statusKind = kindOf('status');

const nothing = new Uint8Array(0);
const viewOf = ({ buffer, byteOffset, length }: Uint8Array): DataView => new DataView(buffer, byteOffset, length);
const nothingThere = viewOf(nothing);

/**
 * Reads one span in one walk over its fields, in whatever order they come; the last of a repeated scalar wins. Results
 * stand in the fields of this object until the next run.
 */
export class SpanScan {
  /** Where the 16 bytes of the trace id lie; -1 when an id is not valid, and `fault` says which. */
  traceIdAt = -1;
  fault = '';
  /** The first word of bits, and the further ones. */
  bits = 0;
  wide = new Int32Array(0);
  /** The four words of the trace id, where it is valid. */
  traceIdA = 0;
  traceIdB = 0;
  traceIdC = 0;
  traceIdD = 0;
  /** Where its times stand, if anybody asks; −1 = it has none. */
  startAt = -1;
  endAt = -1;
  /** End − start, not less than 0; 0 where one is missing. */
  tookNs = 0;
  /** Explicit randomness, where `randomnessBit` is set. */
  randomnessHigh = 0;
  randomnessLow = 0;
  #conditions: SpanConditions | undefined = undefined;
  #named = new NamedKeys([]);
  #more: MoreBits | undefined = undefined;
  readonly #scanned = nothingScanned();
  /** The buffer of the last span, and a view of it: four bytes at once take a quarter of what they do one by one. */
  #buf: Uint8Array = nothing;
  #view = nothingThere;

  /** Lets go of the buffer: a segment may be gone after the turn. */
  forget(): void {
    this.#buf = nothing;
    this.#view = nothingThere;
  }

  /** Throws MalformedError for a span that is not well formed. */
  run(buf: Uint8Array, pos: number, end: number, conditions: SpanConditions): void {
    if (conditions !== this.#conditions) this.#ask(conditions);
    const named = this.#named;
    const { bucketOf } = named;
    named.begin();
    const { wide } = this;
    if (conditions.words > 1) wide.fill(0);
    if (buf !== this.#buf) {
      this.#buf = buf;
      this.#view = viewOf(buf);
    }
    const view = this.#view;
    const spanAt = pos;
    let traceIdAt = -1;
    let traceIdBytes = 0;
    let spanIdAt = -1;
    let spanIdBytes = 0;
    let parentAt = 0;
    let parentBytes = 0;
    let startAt = -1;
    let endAt = -1;
    let code = 0;
    let bits = 0;
    let fault = '';
    while (pos < end) {
      const tag = buf[pos];
      // Attributes first: a switch asks its cases one by one, and these are most of a span.
      if (tag === 0x4a) {
        // As every SDK writes it: key, then value, each once, and short. Anything else takes the patient way.
        const bytes = buf[pos + 1];
        const keyBytes = buf[pos + 3];
        const to = pos + 2 + bytes;
        const valueAt = pos + 6 + keyBytes;
        if (
          bytes < 0x80 &&
          keyBytes > 0 &&
          valueAt <= to &&
          to <= end &&
          buf[pos + 2] === 0x0a &&
          buf[valueAt - 2] === 0x12 &&
          buf[valueAt - 1] === to - valueAt
        ) {
          if (!isPlainValue(buf, valueAt, to)) validate(anyValueKind, buf, valueAt, to, spanDepth + 2);
          const bucket = bucketOf[keyHash(keyBytes, buf[pos + 4], buf[valueAt - 3])];
          if (bucket !== 0) bits |= namedBits(named, bucket, buf, pos + 4, keyBytes, valueAt, to, bits, wide);
          pos = to;
        } else {
          pos = open(buf, pos + 1, end);
          const body = pos;
          pos = bodyEnd;
          validate(keyValueKind, buf, body, pos, spanDepth + 1);
          bits |= attributeBits(named, buf, body, pos, bits, wide);
        }
        continue;
      }
      switch (tag) {
        case 0x0a:
          traceIdAt = pos = open(buf, pos + 1, end);
          traceIdBytes = bodyEnd - pos;
          if (traceIdBytes !== 16) fault ||= wrongTraceId(traceIdBytes);
          pos = bodyEnd;
          break;
        case 0x12:
          spanIdAt = pos = open(buf, pos + 1, end);
          spanIdBytes = bodyEnd - pos;
          if (spanIdBytes !== 8) fault ||= wrongSpanId('span_id', spanIdBytes);
          pos = bodyEnd;
          break;
        case 0x1a:
          pos = open(buf, pos + 1, end);
          if (bodyEnd > pos && parseRandomness(buf, pos, bodyEnd)) {
            bits |= randomnessBit;
            this.randomnessHigh = randomness.high;
            this.randomnessLow = randomness.low;
          }
          pos = bodyEnd;
          break;
        case 0x22:
          parentAt = pos = open(buf, pos + 1, end);
          parentBytes = bodyEnd - pos;
          if (parentBytes !== 8) fault ||= wrongSpanId('parent_span_id', parentBytes);
          pos = bodyEnd;
          break;
        case 0x2a:
          open(buf, pos + 1, end);
          pos = bodyEnd;
          break;
        case 0x30:
        case 0x50:
        case 0x60:
        case 0x70:
          pos = skipVarint(buf, pos + 1, end);
          break;
        case 0x39:
          startAt = pos + 1;
          pos = skipFixed(startAt, end, 8);
          break;
        case 0x41:
          endAt = pos + 1;
          pos = skipFixed(endAt, end, 8);
          break;
        case 0x5a:
        case 0x6a: {
          const kind = tag === 0x5a ? eventKind : linkKind;
          pos = open(buf, pos + 1, end);
          const to = bodyEnd;
          validate(kind, buf, pos, to, spanDepth + 1);
          pos = to;
          break;
        }
        case 0x7a: {
          pos = open(buf, pos + 1, end);
          const to = bodyEnd;
          validate(statusKind, buf, pos, to, spanDepth + 1);
          code = statusCode(buf, pos, to, code);
          pos = to;
          break;
        }
        case 0x85:
          // `flags`, if its tag's second byte says so.
          pos = buf[pos + 1] === 1 ? skipFixed(pos + 2, end, 4) : otherField(buf, pos, end);
          break;
        default:
          pos = otherField(buf, pos, end);
      }
    }
    if (traceIdBytes !== 16 || !this.#readTraceId(view, traceIdAt)) fault ||= 'no trace_id, or all zero';
    else if (spanIdBytes !== 8 || isZero(buf, spanIdAt, 8)) fault ||= 'no span_id, or all zero';
    this.fault = fault;
    this.traceIdAt = fault === '' ? traceIdAt : -1;
    const isRoot = parentBytes === 0 || isZero(buf, parentAt, parentBytes);
    if (isRoot) bits |= rootBit;
    bits |= conditions.statusBits[code === 0 || code === 1 || code === 2 ? code : 3];
    const lastedNs = startAt >= 0 && endAt >= 0 ? durationNs(view, startAt, endAt) : 0;
    if (lastedNs > conditions.slowNs) bits |= conditions.slowBits;
    this.tookNs = Math.max(lastedNs, 0);
    if (conditions.timesAt > 0) {
      this.startAt = startAt;
      this.endAt = endAt;
    }
    if (this.#more !== undefined) {
      const scanned = this.#scanned;
      scanned.start = spanAt;
      scanned.end = end;
      scanned.code = code;
      scanned.isRoot = isRoot;
      scanned.durationNs = lastedNs;
      bits |= this.#more.of(buf, scanned, wide);
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
    this.#more = conditions.more && new MoreBits(conditions.more);
    this.wide = new Int32Array(conditions.words - 1);
  }
}

/**
 * Of an id that stands there several times the last one counts, but others read, and measure, each of them. None is no
 * fault.
 */
const wrongTraceId = (bytes: number): string => (bytes === 0 ? '' : `a trace_id of ${bytes} bytes, not 16`);
const wrongSpanId = (name: string, bytes: number): string => (bytes === 0 ? '' : `a ${name} of ${bytes} bytes, not 8`);

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

/**
 * A string, bool, integer or double that fills its message exactly; the common values, checked without a loop over
 * fields.
 */
function isPlainValue(buf: Uint8Array, at: number, end: number): boolean {
  switch (buf[at]) {
    case 0x0a: {
      const bytes = buf[at + 1];
      return bytes < 0x80 ? at + 2 + bytes === end : false;
    }
    case 0x10:
      return at + 2 === end && buf[at + 1] < 0x80;
    case 0x18:
      return at + 1 < end && skipVarint(buf, at + 1, end) === end;
    case 0x21:
      return at + 9 === end;
    default:
      return false;
  }
}
