import { fnv1a } from '../tables/fnv.ts';
import { AnyValue, tag, WireType } from '../wire/otlp.ts';
import { Reader } from '../wire/reader.ts';

/**
 * A term is the 32-bit hash of "this field has this value". It is taken from the wire bytes when spans are stored and
 * from the query when they are searched; both must come to the same number, so numbers are hashed by value.
 */
type TermScope = 'resource' | 'span';

/** Whose keys and values completion lists; those that are no TermScope are in no digest. */
export type TagScope = TermScope | 'event' | 'link' | 'instrumentation' | 'intrinsic';

const stringTag = tag(AnyValue.string, WireType.length);
const boolTag = tag(AnyValue.bool, WireType.varint);
const intTag = tag(AnyValue.int, WireType.varint);
const doubleTag = tag(AnyValue.double, WireType.fixed64);

/** What the hash of a key begins with, signed as all hashes are here. */
export const keySeeds: Readonly<Record<TagScope, number>> = {
  resource: 0x811c9dc5 | 0,
  span: 0x9e3779b1 | 0,
  event: 0xc2b2ae35 | 0,
  link: 0x27d4eb2f | 0,
  instrumentation: 0x165667b1 | 0,
  intrinsic: 0x2545f491 | 0,
};
const nameSeed = 0x85ebca6b;
const utf8 = new TextEncoder();
const scratch = new DataView(new ArrayBuffer(8));
const scratchBytes = new Uint8Array(scratch.buffer);
const scalar = new Reader(new Uint8Array(0));

/** FNV-1a, with the end marked so that key and value do not run into each other; never 0, which means no term. */
function mix(hash: number, bytes: Uint8Array, start: number, end: number): number {
  return Math.imul(fnv1a(bytes, start, end, hash) ^ 0x1ff, 0x01000193) || 1;
}

/** The hash of a key in the scope that has this of `keySeeds`. */
export const hashKey = (seed: number, bytes: Uint8Array, start: number, end: number): number =>
  mix(seed, bytes, start, end);

/** Hashes one scalar of AnyValue, at which `value` stands; 0 for lists, bytes and nothing. Moves past it. */
export function hashScalar(key: number, value: Reader): number {
  switch (value.field * 8 + value.wireType) {
    case stringTag:
      scalar.enter(value);
      return textTerm(key, scalar.buf, scalar.pos, scalar.end);
    case boolTag:
      return booleanTerm(key, value.varint() !== 0);
    case intTag:
      return numberTerm(key, value.int64AsNumber());
    case doubleTag:
      return numberTerm(key, value.double());
    default:
      value.skip();
      return 0;
  }
}

export const booleanTerm = (key: number, value: boolean): number => Math.imul(key ^ (value ? 3 : 2), 0x01000193) || 1;

/** Zero has two encodings and one value. */
export function numberTerm(key: number, value: number): number {
  scratch.setFloat64(0, value === 0 ? 0 : value, true);
  return doubleBytesTerm(key, scratchBytes, 0, 8);
}

/** The same of its bytes as a double, little-endian. */
export const doubleBytesTerm = (key: number, bytes: Uint8Array, start: number, end: number): number =>
  mix(key ^ 4, bytes, start, end);

/** The term of a value in a query. */
export function termOf(scope: TermScope, key: string, value: string | number | bigint | boolean): number {
  const keyBytes = utf8.encode(key);
  const hash = hashKey(keySeeds[scope], keyBytes, 0, keyBytes.length);
  if (typeof value === 'boolean') return booleanTerm(hash, value);
  if (typeof value !== 'string') return numberTerm(hash, Number(value));
  const bytes = utf8.encode(value);
  return textTerm(hash, bytes, 0, bytes.length);
}

/** The term of a text, of the field whose key hashes to `key`. */
export const textTerm = (key: number, bytes: Uint8Array, start: number, end: number): number =>
  mix(key ^ 1, bytes, start, end);

/** The term of a span's name. */
export function nameTerm(bytes: Uint8Array, start: number, end: number): number {
  return mix(nameSeed, bytes, start, end);
}

export function nameTermOf(name: string): number {
  const bytes = utf8.encode(name);
  return nameTerm(bytes, 0, bytes.length);
}
