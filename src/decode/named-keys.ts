import type { AttributeCondition } from '../model/conditions.ts';
import { bodyEnd, fieldNumber, fieldType, open, readTag, skipValue } from '../wire/cursor.ts';
import { isSame } from '../wire/same-bytes.ts';

interface NamedKey extends AttributeCondition {
  /** The key, four bytes a word as they lie in memory; the last word ends with the key, so it may begin within the one before. */
  readonly words: Int32Array;
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
      (this.buckets[this.bucketOf[hash]] ??= []).push({ ...condition, words: wordsOf(key), foundIn: 0 });
    }
  }

  /**
   * The bits of an attribute in the form that SDKs write, at buf[at]: of one byte each its tag, length, the key's tag and
   * length, then the key, the value's tag and length, the value. `view`: of the same bytes; `bits`: those that are set already.
   */
  bitsAt(buf: Uint8Array, view: DataView, at: number, bits: number, wide: Int32Array): number {
    const keyBytes = buf[at + 3];
    const keyAt = at + 4;
    const named = this.buckets[this.bucketOf[keyHash(keyBytes, buf[keyAt], buf[keyAt + keyBytes - 1])]];
    let found = 0;
    for (let n = 0; n < named.length; n++) {
      const each = named[n];
      if (each.key.length !== keyBytes || isSetBy(each, bits) || !isKey(each.words, keyBytes, buf, view, keyAt))
        continue;
      found |= this.#bitsOf(each, buf, keyAt + keyBytes + 2, at + 2 + buf[at + 1], wide);
    }
    return found;
  }

  /** The same of an attribute in any form: where its key and its value lie. */
  bitsOf(
    buf: Uint8Array,
    keyAt: number,
    keyBytes: number,
    valueAt: number,
    valueEnd: number,
    bits: number,
    wide: Int32Array,
  ): number {
    const named = this.buckets[this.bucketOf[hashOf(buf, keyAt, keyBytes)]];
    let found = 0;
    for (let n = 0; n < named.length; n++) {
      const each = named[n];
      if (each.key.length !== keyBytes || isSetBy(each, bits) || !isSame(each.key, buf, keyAt, keyAt + keyBytes))
        continue;
      found |= this.#bitsOf(each, buf, valueAt, valueEnd, wide);
    }
    return found;
  }

  #bitsOf(each: NamedKey, buf: Uint8Array, valueAt: number, valueEnd: number, wide: Int32Array): number {
    if (each.foundIn === this.list) return 0;
    each.foundIn = this.list;
    const { seconds } = each;
    const textBytes = buf[valueAt + 1];
    // A text and nothing else, of two bytes or more, with a length of one byte, as nearly all are.
    const isText = seconds !== undefined && buf[valueAt] === 0x0a && valueAt + 2 + textBytes === valueEnd;
    if (isText && textBytes > 1 && textBytes < 0x80 && seconds[buf[valueAt + 3]] === 0) return 0;
    return each.match(buf, valueAt, valueEnd, wide);
  }

  /** Another list of attributes begins. */
  begin(): void {
    if (++this.list < mostLists) return;
    this.list = 1;
    for (const key of this.buckets.flat()) key.foundIn = 0;
  }
}

/** A key of less than four bytes has a word a byte. */
function wordsOf(key: Uint8Array): Int32Array {
  if (key.length < 4) return Int32Array.from(key);
  const { buffer, byteOffset } = key;
  const view = new DataView(buffer, byteOffset, key.length);
  return Int32Array.from({ length: Math.ceil(key.length / 4) }, (_, i) =>
    view.getInt32(Math.min(i * 4, key.length - 4), true),
  );
}

function isKey(words: Int32Array, keyBytes: number, buf: Uint8Array, view: DataView, at: number): boolean {
  if (keyBytes < 4) {
    for (let i = 0; i < keyBytes; i++) if (buf[at + i] !== words[i]) return false;
    return true;
  }
  const last = words.length - 1;
  for (let i = 0; i < last; i++) if (view.getInt32(at + i * 4, true) !== words[i]) return false;
  return view.getInt32(at + keyBytes - 4, true) === words[last];
}

/** Whether the span has all bits already that this could set. */
const isSetBy = ({ bits: possible }: NamedKey, bits: number): boolean =>
  possible !== 0 && (bits & possible) === possible;

const hashOf = (buf: Uint8Array, at: number, keyBytes: number): number =>
  keyBytes === 0 ? 0 : keyHash(keyBytes, buf[at], buf[at + keyBytes - 1]);

/** Of a key's length, first and last byte. */
export const keyHash = (keyBytes: number, first: number, last: number): number =>
  ((keyBytes << 5) ^ (first << 2) ^ last) & 0x3ff;

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
  return named.bitsOf(buf, keyAt, keyBytes, valueAt, valueEnd, bits, wide);
}
