import type { Member } from './members.ts';
import { writeLength } from './scalars.ts';
import { copyDown, plainEnd, type Text } from './text.ts';

/** Four characters as they stand in memory. */
const word = (text: string): number => Buffer.from(text).readInt32LE();

const open1 = word('{"ke');
const open2 = word('y":"');
const value1 = word('","v');
const value2 = word('alue');
const value3 = word('":{"');
const string1 = word('stri');
const string2 = word('ngVa');
const string3 = word('lue"');
const string4 = word('e":"');
const int1 = word('intV');
const int2 = word('alue');

/** As far ahead as an attribute of this form is looked at beyond its two strings. */
const aheadBytes = 64;

/**
 * Writes the attribute at `pos` where it stands as every SDK writes most of them:
 * `{"key":"…","value":{"stringValue":"…"}}` or with an intValue, without blanks or escapes. Half of a body is such
 * attributes, which cost a third of what the same costs token by token. False for anything else, and nothing has
 * happened then.
 */
export function writePlainAttribute(text: Text, member: Member): boolean {
  const { view, bytes, pos } = text;
  const limit = text.until - aheadBytes;
  if (pos >= limit || view.getInt32(pos, true) !== open1 || view.getInt32(pos + 4, true) !== open2) return false;
  const keyAt = pos + 8;
  const keyEnd = plainEnd(view, keyAt, limit);
  if (
    keyEnd === keyAt ||
    view.getInt32(keyEnd, true) !== value1 ||
    view.getInt32(keyEnd + 4, true) !== value2 ||
    view.getInt32(keyEnd + 8, true) !== value3
  ) {
    return false;
  }
  const typeAt = keyEnd + 12;
  const type = view.getInt32(typeAt, true);
  if (type === string1) {
    if (
      view.getInt32(typeAt + 4, true) !== string2 ||
      view.getInt32(typeAt + 8, true) !== string3 ||
      view.getInt32(typeAt + 10, true) !== string4
    ) {
      return false;
    }
    const valueAt = typeAt + 14;
    const valueEnd = plainEnd(view, valueAt, limit);
    if (bytes[valueEnd] !== 0x22 || bytes[valueEnd + 1] !== 0x7d || bytes[valueEnd + 2] !== 0x7d) return false;
    const length = valueEnd - valueAt;
    writeKey(text, member, keyAt, keyEnd, 1 + lengthBytes(length) + length);
    bytes[text.out++] = 0x0a;
    writeLength(text, length);
    copyDown(text, valueAt, valueEnd, text.out);
    text.out += length;
    text.pos = valueEnd + 3;
    return true;
  }
  if (type !== int1 || view.getInt32(typeAt + 4, true) !== int2) return false;
  return writeInt(text, member, keyAt, keyEnd, typeAt + 8);
}

/** The rest of an attribute from `":` behind intValue on, where its value is of up to nine digits. */
function writeInt(text: Text, member: Member, keyAt: number, keyEnd: number, at: number): boolean {
  const { bytes } = text;
  if (bytes[at] !== 0x22 || bytes[at + 1] !== 0x3a) return false;
  const isQuoted = bytes[at + 2] === 0x22;
  const from = at + (isQuoted ? 3 : 2);
  let to = from;
  let value = 0;
  for (let digit = bytes[to] - 0x30; digit >= 0 && digit <= 9 && to < from + 10; digit = bytes[++to] - 0x30) {
    value = value * 10 + digit;
  }
  const digits = to - from;
  if (digits === 0 || digits > 9 || (!isQuoted && digits > 1 && bytes[from] === 0x30)) return false;
  if (isQuoted && bytes[to++] !== 0x22) return false;
  if (bytes[to] !== 0x7d || bytes[to + 1] !== 0x7d) return false;
  writeKey(text, member, keyAt, keyEnd, 1 + lengthBytes(value));
  bytes[text.out++] = 0x18;
  writeLength(text, value);
  text.pos = to + 2;
  return true;
}

/** Writes the attribute up to its AnyValue, which will have `valueBytes`. */
function writeKey(text: Text, member: Member, keyAt: number, keyEnd: number, valueBytes: number): void {
  const { bytes } = text;
  const length = keyEnd - keyAt;
  bytes[text.out++] = member.tag;
  writeLength(text, 2 + lengthBytes(length) + length + lengthBytes(valueBytes) + valueBytes);
  bytes[text.out++] = 0x0a;
  writeLength(text, length);
  copyDown(text, keyAt, keyEnd, text.out);
  text.out += length;
  bytes[text.out++] = 0x12;
  writeLength(text, valueBytes);
}

/** How many bytes a varint has. */
const lengthBytes = (length: number): number =>
  length < 0x80 ? 1 : length < 0x4000 ? 2 : length < 0x20_0000 ? 3 : length < 0x1000_0000 ? 4 : 5;
