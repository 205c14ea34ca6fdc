import { hashBytes, spread } from '../tables/word-hash.ts';
import { AnyValue, KeyValue, tag, WireType } from '../wire/otlp.ts';
import { Reader } from '../wire/reader.ts';
import { Writer } from '../wire/writer.ts';

/**
 * A term is the 32-bit hash of "this field has this value". It is taken from the wire bytes when spans are stored and
 * from the query when they are searched; both must come to the same number, so numbers are hashed by value.
 */
export type TermScope = 'resource' | 'span';
export type TermValue = string | number | bigint | boolean;

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
const nameSeed = 0x85ebca6b | 0;
const utf8 = new TextEncoder();
const scalar = new Reader(new Uint8Array(0));

/** Of a KeyValue in the usual form: in a message of no more bytes every length is one byte. */
export const mostUsualBytes = 0x7f;
const aroundText = 6;
const aroundValue = 4;
const form = new Writer(mostUsualBytes + 1);
const formOfValue = new Writer(mostUsualBytes + 1);

let viewed: Uint8Array = new Uint8Array(0);
let view = new DataView<ArrayBufferLike>(viewed.buffer);

/** A view of the bytes, made once for as long as the same ones are asked for, or none: all texts of a request. */
export function viewOf(bytes: Uint8Array): DataView {
  if (bytes !== viewed && bytes.length > 0) {
    viewed = bytes;
    view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  return view;
}

/** A run of bytes. */
type Run = Pick<Reader, 'buf' | 'pos' | 'end'>;

/** The hash of a key in the scope that has this of `keySeeds`. */
export const hashKey = (seed: number, { buf, pos, end }: Run): number => hashBytes(viewOf(buf), pos, end, seed);

const finished = (hash: number): number => spread(hash) || 1;

/**
 * The term of the KeyValue at bytes [start, end), of at most `mostUsualBytes`, in the usual form: key and value, each
 * once, lengths and numbers in as few bytes as can be, and as an integer what isUsualInt.
 */
export const usualTerm = (seed: number, bytes: DataView, start: number, end: number): number =>
  finished(hashBytes(bytes, start, end, seed));

/** Not negative, and of seven bytes at most: larger ones are rounded to doubles. */
export const isUsualInt = (value: number): boolean => value >= 0 && value < 2 ** 49 && Number.isInteger(value);

/** A key with the seed of its scope and its hash. */
interface HashedKey {
  readonly seed: number;
  readonly keyHash: number;
  readonly key: Run;
}

/**
 * The term of one scalar of AnyValue, at which `value` stands; 0 for lists, bytes and nothing. Moves past it. It is
 * that of the KeyValue in the usual form, whatever form it came in; where this would be too long, the hash of the value
 * behind that of the key.
 */
export function scalarTerm(key: HashedKey, value: Reader): number {
  switch (value.field * 8 + value.wireType) {
    case stringTag:
      return textTerm(key, scalar.enter(value));
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

function textTerm(hashed: HashedKey, { buf, pos, end }: Run): number {
  const { key, keyHash } = hashed;
  if (key.end - key.pos + end - pos > mostUsualBytes - aroundText)
    return finished(hashBytes(viewOf(buf), pos, end, keyHash));
  formOfValue.reset().bytes(AnyValue.string, buf, pos, end);
  return termOfForm(hashed);
}

function booleanTerm(key: HashedKey, value: boolean): number {
  formOfValue.reset().tag(AnyValue.bool, WireType.varint);
  formOfValue.varint(value ? 1 : 0);
  return termOfForm(key);
}

/** Zero has two encodings and one value. */
function numberTerm(key: HashedKey, value: number): number {
  if (isUsualInt(value)) {
    formOfValue.reset().tag(AnyValue.int, WireType.varint);
    formOfValue.varint(value);
  } else {
    formOfValue.reset().tag(AnyValue.double, WireType.fixed64);
    formOfValue.double(value);
  }
  return termOfForm(key);
}

/** Of what stands in `formOfValue`. A key is copied only where it is short: a list may have it a million times. */
function termOfForm({ seed, keyHash, key: { buf, pos, end } }: HashedKey): number {
  const { buf: value, pos: valueBytes, dataView } = formOfValue;
  if (end - pos + valueBytes > mostUsualBytes - aroundValue)
    return finished(hashBytes(dataView, 0, valueBytes, keyHash));
  form.reset().bytes(KeyValue.key, buf, pos, end);
  form.bytes(KeyValue.value, value, 0, valueBytes);
  return usualTerm(seed, form.dataView, 0, form.pos);
}

/** The term of a value in a query. */
export function termOf(scope: TermScope, key: string, value: TermValue): number {
  const seed = keySeeds[scope];
  const run = runOf(key);
  const hashed = { seed, keyHash: hashKey(seed, run), key: run };
  if (typeof value === 'boolean') return booleanTerm(hashed, value);
  return typeof value === 'string' ? textTerm(hashed, runOf(value)) : numberTerm(hashed, Number(value));
}

/** The term of a text of the field that has this hash. */
export const fieldTerm = (field: number, { buf, pos, end }: Run): number =>
  finished(hashBytes(viewOf(buf), pos, end, field));

/** The term of a span's name. */
export const nameTerm = (name: Run): number => fieldTerm(nameSeed, name);

export const nameTermOf = (name: string): number => nameTerm(runOf(name));

export const runOf = (text: string): Run => new Reader(utf8.encode(text));
