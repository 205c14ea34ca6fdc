import { AnyValue, KeyValue, tag, WireType } from '../wire/otlp.ts';
import { booleanTerm, doubleBytesTerm, hashKey, numberTerm, textTerm } from './terms.ts';

const { length, varint, fixed64 } = WireType;
const keyTag = tag(KeyValue.key, length);
const valueTag = tag(KeyValue.value, length);
const stringTag = tag(AnyValue.string, length);
const boolTag = tag(AnyValue.bool, varint);
const intTag = tag(AnyValue.int, varint);
const doubleTag = tag(AnyValue.double, fixed64);

/** In a message of no more bytes every length is one byte. */
export const mostPlainBytes = 0x7f;

/** Of a varint, seven bits each: with more a double would have to round. */
const mostIntBytes = 7;

/**
 * The term of the KeyValue at buf[start, end), of at most `mostPlainBytes`, where it has the shape in which nearly all
 * come: a key and a value in this order, each once, and the value one scalar. 0 for any other, and for what is
 * malformed: AttributeTerms reads those field by field, and would come to the same term. Numbers alone go in and out,
 * so that compiled code keeps them in registers. `seed`: of `keySeeds`.
 */
export function plainTerm(buf: Uint8Array, start: number, end: number, seed: number): number {
  const keyAt = start + 2;
  if (keyAt > end || buf[start] !== keyTag) return 0;
  const keyEnd = plainKeyEnd(buf, start);
  const at = keyEnd + 3;
  if (at >= end || buf[keyEnd] !== valueTag || keyEnd + 2 + buf[keyEnd + 1] !== end) return 0;
  const key = hashKey(seed, buf, keyAt, keyEnd);
  switch (buf[at - 1]) {
    case stringTag:
      return at + 1 + buf[at] === end ? textTerm(key, buf, at + 1, end) : 0;
    case intTag:
      return intTerm(key, buf, at, end);
    case boolTag:
      return at + 1 === end && buf[at] < 0x80 ? booleanTerm(key, buf[at] !== 0) : 0;
    case doubleTag:
      return doubleTerm(key, buf, at, end);
    default:
      return 0;
  }
}

/** Where the key of such a KeyValue ends; it begins two bytes behind `start`, and its AnyValue two behind this end. */
export const plainKeyEnd = (buf: Uint8Array, start: number): number => start + 2 + buf[start + 1];

/** Of one that is not negative, and below 2^49. */
function intTerm(key: number, buf: Uint8Array, start: number, end: number): number {
  if (end - start > mostIntBytes || buf[end - 1] >= 0x80) return 0;
  let value = 0;
  for (let at = end - 1; at >= start; at--) {
    if (at < end - 1 && buf[at] < 0x80) return 0;
    value = value * 128 + (buf[at] & 0x7f);
  }
  return numberTerm(key, value);
}

/** Of one that has its bytes to itself: neither a negative zero nor what is no number, nor the few beside them. */
function doubleTerm(key: number, buf: Uint8Array, start: number, end: number): number {
  const last = buf[end - 1];
  return end - start === 8 && last !== 0x80 && (last & 0x7f) !== 0x7f ? doubleBytesTerm(key, buf, start, end) : 0;
}
