import type { SpanPlace, TraceFacts } from '../../model/predicates.ts';
import { bodyEnd, fieldNumber, fieldType, open, readTag, skipValue } from '../../wire/cursor.ts';
import { KeyValue, Resource, ResourceSpans, Span } from '../../wire/otlp.ts';
import { isSame } from '../../wire/same-bytes.ts';

/** What is read of a trace for its key: so many spans, so many bytes of a value, so many different values. */
const mostSpans = 64;
const mostValueBytes = 128;
const mostValues = 128;
/** A resource stands in front; who puts hundreds of fields before it has none. */
const mostFieldsBeforeResource = 32;

export interface KeyOptions {
  /** Attributes of spans and of their resources; a span's own comes first. */
  readonly attributes: readonly string[];
  /** The set of services and span names, too. */
  readonly shape: boolean;
  /** `root`: of the root alone, or where there is none, of the span that came first. `all`: the set of all values. */
  readonly from: 'root' | 'all';
}

const utf8 = new TextEncoder();
const serviceName = 'service.name';
const absent = 0;

/**
 * The key of a trace in 32 bits, by what its spans say: the same for the same set of values, in whatever order the spans
 * came. It reads the bytes of the first 64 spans, makes no strings and allocates nothing; other keys with the same 32
 * bits, one in four billion, are taken for the same.
 */
export class TraceKey {
  readonly #names: readonly Uint8Array[];
  /** Whose values count: the last name may be asked for its shape only. */
  readonly #counted: number;
  readonly #service: number;
  readonly #shape: boolean;
  readonly #isRootOnly: boolean;
  readonly #found: Int32Array;
  readonly #resource: Int32Array;
  readonly #seen = new Int32Array(mostValues);
  readonly #visit: (span: SpanPlace) => boolean;
  #seenCount = 0;
  #sum = 0;
  #spans = 0;
  #firstSum = 0;
  #hasRoot = false;
  #buf: Uint8Array | undefined;
  #resourceAt = -1;
  #isRoot = false;
  #name = 0;

  constructor({ attributes, shape, from }: KeyOptions) {
    const names = shape && !attributes.includes(serviceName) ? [...attributes, serviceName] : attributes;
    this.#names = names.map((name) => utf8.encode(name));
    this.#counted = attributes.length;
    this.#service = names.indexOf(serviceName);
    this.#shape = shape;
    this.#isRootOnly = from === 'root';
    this.#found = new Int32Array(names.length);
    this.#resource = new Int32Array(names.length);
    this.#visit = (span) => this.#add(span);
  }

  /** Never 0. */
  of({ trace }: TraceFacts): number {
    this.#seenCount = this.#sum = this.#spans = this.#firstSum = 0;
    this.#hasRoot = false;
    this.#resourceAt = -1;
    trace.forEach(this.#visit);
    this.#buf = undefined;
    const sum = this.#isRootOnly && !this.#hasRoot ? this.#firstSum : this.#sum;
    return mixed(sum, 0x5bd1e995) || 1;
  }

  #add({ buf, start, end, resourceSpansAt }: SpanPlace): boolean {
    const { length } = this.#names;
    if (buf !== this.#buf || resourceSpansAt !== this.#resourceAt) this.#readResource(buf, resourceSpansAt);
    for (let i = 0; i < length; i++) this.#found[i] = this.#resource[i];
    this.#readSpan(buf, start, end);
    this.#spans++;
    if (this.#isRootOnly) return this.#addOne();
    for (let i = 0; i < this.#counted; i++) this.#count(mixed(this.#found[i], i + 1));
    if (this.#shape) this.#count(mixed(this.#name, mixed(this.#found[this.#service], -1)));
    return this.#spans < mostSpans;
  }

  /** The root is all that counts; until it is found, the first span is kept in mind. */
  #addOne(): boolean {
    if (!this.#isRoot && this.#spans > 1) return this.#spans < mostSpans;
    let sum = 0;
    for (let i = 0; i < this.#counted; i++) sum = (sum + mixed(this.#found[i], i + 1)) | 0;
    if (this.#shape) sum = (sum + mixed(this.#name, mixed(this.#found[this.#service], -1))) | 0;
    if (this.#isRoot) this.#sum = sum;
    else this.#firstSum = sum;
    this.#hasRoot = this.#isRoot;
    return !this.#isRoot && this.#spans < mostSpans;
  }

  /** Adds a value to the set. */
  #count(hash: number): void {
    const seen = this.#seen;
    for (let i = 0; i < this.#seenCount; i++) if (seen[i] === hash) return;
    if (this.#seenCount === mostValues) return;
    seen[this.#seenCount++] = hash;
    this.#sum = (this.#sum + hash) | 0;
  }

  #readSpan(buf: Uint8Array, start: number, end: number): void {
    this.#isRoot = true;
    this.#name = absent;
    for (let pos = start; pos < end; ) {
      const tag = buf[pos];
      // Nearly all tags are one byte, of a field that has a length.
      const isPlain = tag < 0x80 && (tag & 7) === 2;
      const valueAt = isPlain ? pos + 1 : readTag(buf, pos, end);
      const field = isPlain ? tag >>> 3 : fieldNumber;
      if (!isPlain && fieldType !== 2) {
        pos = skipValue(buf, valueAt, end, fieldType);
        continue;
      }
      pos = open(buf, valueAt, end);
      const to = bodyEnd;
      if (field === Span.attributes) this.#readAttribute(buf, pos, to, this.#found);
      else if (field === Span.name) this.#name = this.#shape ? hashOf(buf, pos, to) : absent;
      else if (field === Span.parentSpanId) this.#isRoot = isZero(buf, pos, to);
      pos = to;
    }
  }

  #readResource(buf: Uint8Array, resourceSpansAt: number): void {
    this.#buf = buf;
    this.#resourceAt = resourceSpansAt;
    this.#resource.fill(absent);
    let pos = open(buf, resourceSpansAt, buf.length);
    const end = bodyEnd;
    for (let fields = 0; pos < end && fields < mostFieldsBeforeResource; fields++) {
      pos = readTag(buf, pos, end);
      const isResource = fieldNumber === ResourceSpans.resource && fieldType === 2;
      if (!isResource) {
        pos = skipValue(buf, pos, end, fieldType);
        continue;
      }
      pos = open(buf, pos, end);
      this.#readResourceAttributes(buf, pos, bodyEnd);
      return;
    }
  }

  #readResourceAttributes(buf: Uint8Array, start: number, end: number): void {
    for (let pos = start; pos < end; ) {
      pos = readTag(buf, pos, end);
      const isAttribute = fieldNumber === Resource.attributes && fieldType === 2;
      if (!isAttribute) {
        pos = skipValue(buf, pos, end, fieldType);
        continue;
      }
      pos = open(buf, pos, end);
      const to = bodyEnd;
      this.#readAttribute(buf, pos, to, this.#resource);
      pos = to;
    }
  }

  /** The hash of the value of a KeyValue goes into `into`, where somebody asks for its key. */
  #readAttribute(buf: Uint8Array, start: number, end: number, into: Int32Array): void {
    let keyAt = 0;
    let keyEnd = 0;
    let valueAt = 0;
    let valueEnd = 0;
    for (let pos = start; pos < end; ) {
      const tag = buf[pos];
      // Nearly all tags are one byte, of a field that has a length.
      const isPlain = tag < 0x80 && (tag & 7) === 2;
      const bodyAt = isPlain ? pos + 1 : readTag(buf, pos, end);
      const field = isPlain ? tag >>> 3 : fieldNumber;
      if (!isPlain && fieldType !== 2) {
        pos = skipValue(buf, bodyAt, end, fieldType);
        continue;
      }
      pos = open(buf, bodyAt, end);
      if (field === KeyValue.key) {
        keyAt = pos;
        keyEnd = bodyEnd;
      } else if (field === KeyValue.value) {
        valueAt = pos;
        valueEnd = bodyEnd;
      }
      pos = bodyEnd;
    }
    for (let i = 0; i < into.length; i++)
      if (isSame(this.#names[i], buf, keyAt, keyEnd)) into[i] = hashOf(buf, valueAt, valueEnd);
  }
}

/** FNV-1a of the first bytes and the length; never 0, which is "absent". */
function hashOf(buf: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5 ^ (end - start);
  const to = Math.min(end, start + mostValueBytes);
  for (let i = start; i < to; i++) hash = Math.imul(hash ^ buf[i], 0x01000193);
  return hash || 1;
}

/** Two words into one, so that their order counts (the finalizer of MurmurHash3, Austin Appleby, public domain). */
function mixed(value: number, salt: number): number {
  let hash = Math.imul(value ^ Math.imul(salt, 0x9e3779b1), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

function isZero(buf: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (buf[i] !== 0) return false;
  return true;
}
