import type { KeyOptions, SpanPlace } from '../../model/predicates.ts';
import { KeyedHash } from '../../tables/keyed-hash.ts';
import { bodyEnd, fieldNumber, fieldType, open, readTag, skipValue } from '../../wire/cursor.ts';
import { KeyValue, Resource, ResourceSpans, Span } from '../../wire/otlp.ts';
import { isSame } from '../../wire/same-bytes.ts';

const mostValueBytes = 128;
/** A resource stands in front; who puts hundreds of fields before it has none. */
const mostFieldsBeforeResource = 32;

const utf8 = new TextEncoder();
const serviceName = 'service.name';
const absent = 0;

/**
 * What one span says of the key of its trace: a hash of each value that counts. They are hashes under a secret, so that
 * nobody outside can choose values that are taken for another's. It reads bytes, makes no strings and allocates nothing.
 */
export class SpanKey {
  /** Of the span read last: has it no parent? */
  isRoot = false;
  /** Of the span read last: a hash for each attribute, then, for the shape, one of its service and name. */
  readonly values: Int32Array;
  readonly #names: readonly Uint8Array[];
  /** Whose values count: the last name may be asked for its shape only. */
  readonly #counted: number;
  readonly #service: number;
  readonly #shape: boolean;
  readonly #found: Int32Array;
  /** The message in which each was found last, by the number of messages read so far. */
  readonly #foundIn: Int32Array;
  #message = 0;
  readonly #resource: Int32Array;
  readonly #hash: KeyedHash;
  #buf: Uint8Array | undefined;
  #resourceAt = -1;
  #name = absent;

  constructor({ attributes, shape }: KeyOptions, seed: number) {
    const names = shape && !attributes.includes(serviceName) ? [...attributes, serviceName] : attributes;
    this.#names = names.map((name) => utf8.encode(name));
    this.#counted = attributes.length;
    this.#service = names.indexOf(serviceName);
    this.#shape = shape;
    this.#found = new Int32Array(names.length);
    this.#resource = new Int32Array(names.length);
    this.#foundIn = new Int32Array(names.length);
    this.values = new Int32Array(attributes.length + (shape ? 1 : 0));
    this.#hash = new KeyedHash(seed, Math.imul(seed, 0x9e3779b1));
  }

  /** The sum of all values: the same for the same ones. */
  get sum(): number {
    let sum = 0;
    for (let i = 0; i < this.values.length; i++) sum = (sum + this.values[i]) | 0;
    return sum;
  }

  /** What was read of a resource means nothing any more: other bytes may lie there. */
  forget(): void {
    this.#buf = undefined;
  }

  read({ buf, start, end, resourceSpansAt }: SpanPlace): void {
    if (buf !== this.#buf || resourceSpansAt !== this.#resourceAt) this.#readResource(buf, resourceSpansAt);
    for (let i = 0; i < this.#found.length; i++) this.#found[i] = this.#resource[i];
    this.#readSpan(buf, start, end);
    for (let i = 0; i < this.#counted; i++) this.values[i] = mixed(this.#found[i], i + 1);
    if (this.#shape) this.values[this.#counted] = mixed(this.#name, mixed(this.#found[this.#service], -1));
  }

  #readSpan(buf: Uint8Array, start: number, end: number): void {
    this.isRoot = true;
    this.#name = absent;
    this.#message = (this.#message + 1) | 0;
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
      else if (field === Span.name) this.#name = this.#shape ? this.#hashOf(buf, pos, to) : absent;
      else if (field === Span.parentSpanId) this.isRoot = isZero(buf, pos, to);
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
    this.#message = (this.#message + 1) | 0;
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

  /** The hash of the value of a KeyValue goes into `into`, where somebody asks for its key; of equal keys the first counts. */
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
    for (let i = 0; i < into.length; i++) {
      if (this.#foundIn[i] === this.#message || !isSame(this.#names[i], buf, keyAt, keyEnd)) continue;
      this.#foundIn[i] = this.#message;
      into[i] = this.#hashOf(buf, valueAt, valueEnd);
    }
  }

  /** Of the first bytes and the length; never 0, which is "absent". */
  #hashOf(buf: Uint8Array, start: number, end: number): number {
    const to = Math.min(end, start + mostValueBytes);
    return (
      this.#hash
        .start()
        .addRange(buf, start, to)
        .addWord(end - start)
        .value() || 1
    );
  }
}

/** Two words into one, so that their order counts (the finalizer of MurmurHash3, Austin Appleby, public domain). */
export function mixed(value: number, salt: number): number {
  let hash = Math.imul(value ^ Math.imul(salt, 0x9e3779b1), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

function isZero(buf: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (buf[i] !== 0) return false;
  return true;
}
