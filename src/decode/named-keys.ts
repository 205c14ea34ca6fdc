import type { AttributeCondition } from '../model/conditions.ts';
import { bodyEnd, fieldNumber, fieldType, open, readTag, skipValue } from '../wire/cursor.ts';

/** The attributes that rules name, by a few bits of their keys: nearly all others cost no comparison. */
export class NamedKeys {
  /** By `keyHash`, the bucket of conditions; 0 = none. */
  readonly bucketOf = new Uint8Array(0x400);
  readonly buckets: AttributeCondition[][] = [[]];

  constructor(conditions: readonly AttributeCondition[]) {
    for (const condition of conditions) {
      const { key } = condition;
      const hash = hashOf(key, 0, key.length);
      this.bucketOf[hash] ||= Math.min(255, this.buckets.length);
      (this.buckets[this.bucketOf[hash]] ??= []).push(condition);
    }
  }
}

const hashOf = (buf: Uint8Array, at: number, keyBytes: number): number =>
  keyBytes === 0 ? 0 : keyHash(keyBytes, buf[at], buf[at + keyBytes - 1]);

/** Of a key's length, first and last byte. */
export const keyHash = (keyBytes: number, first: number, last: number): number =>
  ((keyBytes << 5) ^ (first << 2) ^ last) & 0x3ff;

/** The bits of one attribute by the conditions of its bucket; `bits`: those that are set already. */
export function namedBits(
  named: readonly AttributeCondition[],
  buf: Uint8Array,
  keyAt: number,
  keyBytes: number,
  valueAt: number,
  valueEnd: number,
  bits: number,
  wide: Int32Array,
): number {
  let found = 0;
  for (let n = 0; n < named.length; n++) {
    const { key, bits: possible } = named[n];
    if (key.length !== keyBytes || (possible !== 0 && (bits & possible) === possible)) continue;
    let i = 0;
    while (i < keyBytes && key[i] === buf[keyAt + i]) i++;
    if (i === keyBytes) found |= named[n].match(buf, valueAt, valueEnd, wide);
  }
  return found;
}

/**
 * The bits of a KeyValue in whatever form: fields in another order, repeated, or with unknown ones between. It is
 * well-formed.
 */
export function attributeBits(
  { bucketOf, buckets }: NamedKeys,
  buf: Uint8Array,
  start: number,
  end: number,
  bits: number,
  wide: Int32Array,
): number {
  let keyAt = 0;
  let keyBytes = 0;
  let valueAt = 0;
  let valueEnd = 0;
  for (let pos = start; pos < end; ) {
    pos = readTag(buf, pos, end);
    const number = fieldNumber;
    if (fieldType === 2) {
      pos = open(buf, pos, end);
      if (number === 1) {
        keyAt = pos;
        keyBytes = bodyEnd - pos;
      } else if (number === 2) {
        valueAt = pos;
        valueEnd = bodyEnd;
      }
      pos = bodyEnd;
    } else pos = skipValue(buf, pos, end, fieldType);
  }
  const bucket = bucketOf[hashOf(buf, keyAt, keyBytes)];
  return namedBits(buckets[bucket], buf, keyAt, keyBytes, valueAt, valueEnd, bits, wide);
}
