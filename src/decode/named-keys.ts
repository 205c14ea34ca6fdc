import type { AttributeCondition } from '../model/conditions.ts';
import { bodyEnd, fieldNumber, fieldType, open, readTag, skipValue } from '../wire/cursor.ts';

interface NamedKey extends AttributeCondition {
  /** The list of attributes that it was found in last. */
  foundIn: number;
}

const mostLists = 2 ** 30;

/**
 * The attributes that rules name, by a few bits of their keys: nearly all others cost no comparison. Of a key that stands
 * in a list of attributes several times the first one counts, as for pdata's `Map.Get`, which the Collector asks.
 */
export class NamedKeys {
  /** By `keyHash`, the bucket of conditions; 0 = none. */
  readonly bucketOf = new Uint8Array(0x400);
  readonly buckets: NamedKey[][] = [[]];
  /** The list of attributes at hand, by its number. */
  list = 0;

  constructor(conditions: readonly AttributeCondition[]) {
    for (const condition of conditions) {
      const { key } = condition;
      const hash = hashOf(key, 0, key.length);
      this.bucketOf[hash] ||= Math.min(255, this.buckets.length);
      (this.buckets[this.bucketOf[hash]] ??= []).push({ ...condition, foundIn: 0 });
    }
  }

  /** Another list of attributes begins. */
  begin(): void {
    if (++this.list < mostLists) return;
    this.list = 1;
    for (const key of this.buckets.flat()) key.foundIn = 0;
  }
}

const hashOf = (buf: Uint8Array, at: number, keyBytes: number): number =>
  keyBytes === 0 ? 0 : keyHash(keyBytes, buf[at], buf[at + keyBytes - 1]);

/** Of a key's length, first and last byte. */
export const keyHash = (keyBytes: number, first: number, last: number): number =>
  ((keyBytes << 5) ^ (first << 2) ^ last) & 0x3ff;

/** The bits of one attribute by the conditions of its bucket; `bits`: those that are set already. */
export function namedBits(
  { buckets, list }: NamedKeys,
  bucket: number,
  buf: Uint8Array,
  keyAt: number,
  keyBytes: number,
  valueAt: number,
  valueEnd: number,
  bits: number,
  wide: Int32Array,
): number {
  let found = 0;
  const named = buckets[bucket];
  for (let n = 0; n < named.length; n++) {
    const { key, bits: possible } = named[n];
    if (key.length !== keyBytes || (possible !== 0 && (bits & possible) === possible)) continue;
    let i = 0;
    while (i < keyBytes && key[i] === buf[keyAt + i]) i++;
    if (i < keyBytes || named[n].foundIn === list) continue;
    named[n].foundIn = list;
    found |= named[n].match(buf, valueAt, valueEnd, wide);
  }
  return found;
}

/**
 * The bits of a KeyValue in whatever form: fields in another order, repeated, or with unknown ones between. It is
 * well-formed.
 */
export function attributeBits(
  named: NamedKeys,
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
  const bucket = named.bucketOf[hashOf(buf, keyAt, keyBytes)];
  return namedBits(named, bucket, buf, keyAt, keyBytes, valueAt, valueEnd, bits, wide);
}
