import { AnyValue, KeyValue, tag, WireType } from '../wire/otlp.ts';
import { isUsualInt, usualTerm } from './terms.ts';

const { length, varint, fixed64 } = WireType;
const keyTag = tag(KeyValue.key, length);
const valueTag = tag(KeyValue.value, length);
const stringTag = tag(AnyValue.string, length);
const boolTag = tag(AnyValue.bool, varint);
const intTag = tag(AnyValue.int, varint);
const doubleTag = tag(AnyValue.double, fixed64);

/** Of the integers of `isUsualInt`. */
const mostIntBytes = 7;

/**
 * The term of the KeyValue at bytes [start, end), of at most `mostUsualBytes`, where it is in the usual form: nearly
 * all are, and their bytes need only be hashed. 0 for any other, and for what is malformed: AttributeTerms reads those
 * field by field, and would come to the same term. Numbers alone go in and out, so that compiled code keeps them in
 * registers. `seed`: of `keySeeds`.
 */
export function plainTerm(bytes: DataView, start: number, end: number, seed: number): number {
  if (start + 2 > end || bytes.getUint8(start) !== keyTag) return 0;
  const keyEnd = plainKeyEnd(bytes, start);
  const at = keyEnd + 3;
  if (at >= end || bytes.getUint8(keyEnd) !== valueTag || keyEnd + 2 + bytes.getUint8(keyEnd + 1) !== end) return 0;
  const valueTagOf = bytes.getUint8(at - 1);
  const isUsual =
    valueTagOf === stringTag ? at + 1 + bytes.getUint8(at) === end : isUsualNumber(bytes, valueTagOf, at, end);
  return isUsual ? usualTerm(seed, bytes, start, end) : 0;
}

/** Where the key of such a KeyValue ends; it begins two bytes behind `start`, and its AnyValue two behind this end. */
export const plainKeyEnd = (bytes: DataView, start: number): number => start + 2 + bytes.getUint8(start + 1);

/** Whether an integer, a boolean or a double is written in the usual form. */
function isUsualNumber(bytes: DataView, tag: number, start: number, end: number): boolean {
  if (tag === intTag) return isUsualVarint(bytes, start, end);
  if (tag === boolTag) return start + 1 === end && bytes.getUint8(start) < 2;
  if (tag !== doubleTag || end - start !== 8) return false;
  const value = bytes.getFloat64(start, true);
  return !isUsualInt(value) && !Number.isNaN(value);
}

/** A varint whose end is this one, and without zeros before it. */
function isUsualVarint(bytes: DataView, start: number, end: number): boolean {
  const last = end - 1;
  const top = bytes.getUint8(last);
  if (end - start > mostIntBytes || top >= 0x80 || (top === 0 && last > start)) return false;
  for (let at = start; at < last; at++) if (bytes.getUint8(at) < 0x80) return false;
  return true;
}
