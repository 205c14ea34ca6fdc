import { bodyEnd, fieldNumber, fieldType, open, readTag, skipValue } from './cursor.ts';
import { AnyValue } from './otlp.ts';

/** The field number of the kind that the AnyValue read last has; 0 = it has none. */
export let valueKind = 0;
/** Where its text, bytes or nested message lies, or its number. */
export let valueStart = 0;
export let valueEnd = 0;
/** Of an integer, exact below 2^53, of a double, and of a boolean, 0 or 1. */
export let valueNumber = 0;

const doubles = new DataView(new ArrayBuffer(8));

/** Reads the AnyValue message at buf[start, end), well-formed, into the variables above. Of several kinds the last counts. */
export function readAnyValue(buf: Uint8Array, start: number, end: number): void {
  valueKind = 0;
  for (let pos = start; pos < end; ) {
    pos = readTag(buf, pos, end);
    const [number, type] = [fieldNumber, fieldType];
    let from = pos;
    if (type === 2) {
      from = open(buf, pos, end);
      pos = bodyEnd;
    } else pos = skipValue(buf, pos, end, type);
    if (number < AnyValue.string || number > AnyValue.bytes) continue;
    valueKind = number;
    valueStart = from;
    valueEnd = pos;
    if (number === AnyValue.int) valueNumber = signed(buf, from, pos);
    else if (number === AnyValue.bool) valueNumber = isZero(buf, from, pos) ? 0 : 1;
    else if (number === AnyValue.double) valueNumber = double(buf, from);
  }
}

/** The varint at buf[from, to) as a signed 64-bit integer, rounded where a double cannot hold it. */
function signed(buf: Uint8Array, from: number, to: number): number {
  let low = 0;
  let high = 0;
  for (let i = from, shift = 0; i < to; i++, shift += 7) {
    const bits = buf[i] & 0x7f;
    if (shift < 28) low += bits * 2 ** shift;
    else high += bits * 2 ** (shift - 28);
  }
  // The tenth byte has one bit, the sign: 2^64 less than it reads, without rounding where that is small.
  return to - from < 10 ? low + high * 2 ** 28 : low - (2 ** 36 - high) * 2 ** 28;
}

function isZero(buf: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if ((buf[i] & 0x7f) !== 0) return false;
  return true;
}

function double(buf: Uint8Array, at: number): number {
  for (let i = 0; i < 8; i++) doubles.setUint8(i, buf[at + i]);
  return doubles.getFloat64(0, true);
}
