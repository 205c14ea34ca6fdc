import { integerHigh, integerLow, type Range, readInteger } from './integer.ts';
import { type Member, Type } from './members.ts';
import { Problem } from './problem.ts';
import { copyDown, hexDigits, type Text } from './text.ts';

const uint64: Range = { min: 0n, max: 2n ** 64n - 1n };
const int64: Range = { min: -(2n ** 63n), max: 2n ** 63n - 1n };
const uint32: Range = { min: 0n, max: 2n ** 32n - 1n };
const int32: Range = { min: -(2n ** 31n), max: 2n ** 31n - 1n };

/** What a value of each Type should be, for messages. */
const wanted = [
  'an object',
  'a string',
  'an id in hex',
  'bytes in base64',
  'true or false',
  'a number',
  ...new Array(5).fill('an integer'),
];

/** `found` where something else belongs. */
export function unexpected(member: Member, isElement: boolean, found: string): Problem {
  return new Problem(`expected ${member.repeated && !isElement ? 'a list' : wanted[member.type]}, found ${found}`);
}

/**
 * Writes the string [text.start, text.stop) as its member's type asks. `mayOmit`: a default is left out, as protobuf
 * does; false for members of a oneof and where an earlier value of the same field has to be overruled.
 */
export function writeString(text: Text, member: Member, mayOmit: boolean): void {
  const { start, stop } = text;
  switch (member.type) {
    case Type.string:
      if (start < stop || !mayOmit) writeText(text, member);
      break;
    case Type.hex:
      if (start < stop || !mayOmit) writeId(text, member);
      break;
    case Type.base64:
      writeBase64(text, member);
      break;
    case Type.double:
      writeDouble(text, member, doubleIn(text));
      break;
    case Type.enum: {
      const code = member.names?.get(text.bytes.toString('latin1', start, Math.min(stop, start + maxNameBytes)));
      if (code === undefined) writeInteger(text, member, mayOmit);
      else if (code !== 0 || !mayOmit) writeVarintField(text, member, code, 0);
      break;
    }
    case Type.bool:
    case Type.message:
      throw unexpected(member, true, 'a string');
    default:
      writeInteger(text, member, mayOmit);
  }
}

/** No enum value has a longer name. */
const maxNameBytes = 64;

/** The same for the number [text.start, text.stop). */
export function writeNumber(text: Text, member: Member, mayOmit: boolean): void {
  if (member.type === Type.double)
    writeDouble(text, member, finite(text.bytes.toString('latin1', text.start, text.stop)));
  else if (member.type > Type.double) writeInteger(text, member, mayOmit);
  else throw unexpected(member, true, 'a number');
}

/** An element that is null has nothing in it; the Collector takes it for that. */
export function writeEmpty(text: Text, member: Member): void {
  if (member.dropEmpty) return;
  writeTag(text, member);
  writeLength(text, 0);
}

export function writeBool(text: Text, member: Member, value: boolean): void {
  if (member.type !== Type.bool) throw unexpected(member, true, 'a boolean');
  writeVarintField(text, member, value ? 1 : 0, 0);
}

export function writeTag(text: Text, member: Member): void {
  text.bytes[text.out++] = member.tag;
  if (member.tag2 !== 0) text.bytes[text.out++] = member.tag2;
}

/** Writes the length of what follows. */
export function writeLength(text: Text, length: number): void {
  const { bytes } = text;
  let out = text.out;
  for (; length >= 0x80; length >>>= 7) bytes[out++] = (length & 0x7f) | 0x80;
  bytes[out++] = length;
  text.out = out;
}

function writeText(text: Text, member: Member): void {
  const { start, stop } = text;
  writeTag(text, member);
  writeLength(text, stop - start);
  copyDown(text, start, stop, text.out);
  text.out += stop - start;
}

/** Longer ones are not read: no id has so many digits. */
const maxIdDigits = 128;

/**
 * The length is kept, for the scan to judge; what is no hex, or far too long, becomes one byte, which no id has.
 */
function writeId(text: Text, member: Member): void {
  const { bytes, start } = text;
  const stop = Math.min(text.stop, start + maxIdDigits);
  writeTag(text, member);
  const length = (stop - start) >> 1;
  const lengthAt = text.out;
  writeLength(text, length);
  let out = text.out;
  let bad = (text.stop - start) & 1 || text.stop - stop;
  for (let i = start; i + 1 < stop; i += 2) {
    const high = hexDigits[bytes[i]];
    const low = hexDigits[bytes[i + 1]];
    bad |= (high | low) & 0xf0;
    bytes[out++] = (high << 4) | low;
  }
  if (bad !== 0) {
    bytes[lengthAt] = 1;
    bytes[lengthAt + 1] = 0xff;
    out = lengthAt + 2;
  }
  text.out = out;
}

/** Characters that are decoded at once: whole groups of four, and no more memory than that. */
const base64Chars = 2 ** 16;

/** Node's decoder takes both alphabets, and passes over what is in neither: then it writes fewer bytes than it should. */
function writeBase64(text: Text, member: Member): void {
  const { bytes, start } = text;
  let stop = text.stop;
  for (let padding = 0; padding < 2 && stop > start && bytes[stop - 1] === 0x3d; padding++) stop--;
  const length = ((stop - start) * 6) >>> 3;
  // A character alone is six bits of a byte.
  if ((stop - start) % 4 === 1) throw new Problem('not base64');
  writeTag(text, member);
  writeLength(text, length);
  const end = text.out + length;
  for (let at = start; at < stop; at += base64Chars) {
    text.out += bytes.write(bytes.toString('latin1', at, Math.min(stop, at + base64Chars)), text.out, 'base64');
  }
  if (text.out !== end) throw new Problem('not base64');
}

const double = new Float64Array(1);
const doubleBytes = new Uint8Array(double.buffer);

function writeDouble(text: Text, member: Member, value: number): void {
  writeTag(text, member);
  double[0] = value;
  for (let i = 0; i < 8; i++) text.bytes[text.out++] = doubleBytes[i];
}

function doubleIn({ bytes, start, stop }: Text): number {
  const written = bytes.toString('latin1', start, Math.min(stop, start + maxDoubleBytes));
  if (written === 'NaN' || written === 'Infinity' || written === '-Infinity') return Number(written);
  const isNumeric = stop - start < maxDoubleBytes && /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(written);
  if (!isNumeric) throw new Problem('expected a number, found a string');
  return finite(written);
}

function finite(written: string): number {
  const value = Number(written);
  if (!Number.isFinite(value)) throw new Problem(`"${written.slice(0, maxNameBytes)}" is out of range`);
  return value;
}

const maxDoubleBytes = 2048;

function writeInteger(text: Text, member: Member, mayOmit: boolean): void {
  const { bytes, start, stop } = text;
  const { type } = member;
  const range = type === Type.fixed64 ? uint64 : type === Type.int64 ? int64 : type === Type.enum ? int32 : uint32;
  readInteger(bytes, start, stop, range);
  const low = integerLow;
  const high = integerHigh;
  if (low === 0 && high === 0 && mayOmit) return;
  if (type !== Type.fixed32 && type !== Type.fixed64) {
    writeVarintField(text, member, low, high);
    return;
  }
  writeTag(text, member);
  writeWord(text, low);
  if (type === Type.fixed64) writeWord(text, high);
}

function writeWord(text: Text, word: number): void {
  const { bytes } = text;
  const out = text.out;
  bytes[out] = word;
  bytes[out + 1] = word >>> 8;
  bytes[out + 2] = word >>> 16;
  bytes[out + 3] = word >>> 24;
  text.out = out + 4;
}

/** The 64 bits of two words. */
function writeVarintField(text: Text, member: Member, low: number, high: number): void {
  writeTag(text, member);
  const { bytes } = text;
  let out = text.out;
  low >>>= 0;
  high >>>= 0;
  while (high !== 0 || low >= 0x80) {
    bytes[out++] = (low & 0x7f) | 0x80;
    low = ((low >>> 7) | (high << 25)) >>> 0;
    high >>>= 7;
  }
  bytes[out++] = low;
  text.out = out;
}
