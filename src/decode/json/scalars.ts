import type { Writer } from '../../wire/writer.ts';
import { IntegerText, nameOf, readInteger, readSmallInteger } from './integer.ts';
import type { Field, Scalar } from './messages.ts';
import { Problem } from './problem.ts';

type Write = (w: Writer, field: Field, value: unknown) => void;

const maxUint64 = 2n ** 64n - 1n;
const minInt64 = -(2n ** 63n);
const maxInt64 = 2n ** 63n - 1n;
const maxUint32 = 2 ** 32 - 1;

/** An id that is not hex: one byte, so that the span is refused for it rather than taken for one without an id. */
const notAnId = Uint8Array.of(0xff);
const base64Pattern = /^[A-Za-z0-9+/_-]*={0,2}$/;

/** Writes a value as its field's type asks; defaults are left out, as protobuf does, but for members of a oneof. */
export const writeScalar: Readonly<Record<Scalar, Write>> = {
  string(w, field, value) {
    if (typeof value !== 'string') throw expected('a string', value);
    if (value !== '' || field.oneof || field.repeated) writeText(w, field.number, value);
  },
  hex(w, field, value) {
    if (typeof value !== 'string') throw expected('an id in hex', value);
    if (value !== '') w.bytes(field.number, fromHex(value));
  },
  base64(w, field, value) {
    if (typeof value !== 'string') throw expected('bytes in base64', value);
    if (!base64Pattern.test(value)) throw new Problem('not base64');
    w.bytes(field.number, Buffer.from(value, 'base64'));
  },
  bool(w, field, value) {
    if (typeof value !== 'boolean') throw expected('true or false', value);
    w.tag(field.number, 0);
    w.varint(value ? 1 : 0);
  },
  double(w, field, value) {
    w.tag(field.number, 1);
    w.double(readDouble(value));
  },
  int64(w, field, value) {
    const integer = readInteger(value, minInt64, maxInt64);
    w.tag(field.number, 0);
    w.int64(integer);
  },
  uint32(w, field, value) {
    writeVarint(w, field, readSmallInteger(value, 0, maxUint32));
  },
  enum(w, field, value) {
    const named = typeof value === 'string' ? field.names?.[value] : undefined;
    const code = named ?? readSmallInteger(value, -(2 ** 31), 2 ** 31 - 1);
    if (code >= 0) writeVarint(w, field, code);
    else {
      w.tag(field.number, 0);
      w.int64(BigInt(code));
    }
  },
  fixed32(w, field, value) {
    const bits = readSmallInteger(value, 0, maxUint32);
    if (bits === 0) return;
    w.tag(field.number, 5);
    w.fixed32(bits);
  },
  fixed64(w, field, value) {
    const bits = readInteger(value, 0n, maxUint64);
    if (bits === 0n) return;
    w.tag(field.number, 1);
    w.fixed64(bits);
  },
};

/** Short plain text, which is nearly all of it, goes byte by byte: half the cost of an encoder call that returns an array. */
function writeText(w: Writer, number: number, text: string): void {
  const { length } = text;
  const start = w.pos;
  w.tag(number, 2);
  w.varint(length);
  w.reserve(length);
  let i = 0;
  if (length < 128) for (let code = 0; i < length && (code = text.charCodeAt(i)) < 0x80; i++) w.buf[w.pos++] = code;
  if (i === length) return;
  w.pos = start;
  w.string(number, text);
}

function writeVarint(w: Writer, field: Field, value: number): void {
  if (value === 0) return;
  w.tag(field.number, 0);
  w.varint(value);
}

/** Any length is kept: the pipeline refuses a span whose id has a wrong one. */
function fromHex(text: string): Uint8Array {
  return text.length % 2 === 0 && /^[0-9a-fA-F]+$/.test(text) ? Buffer.from(text, 'hex') : notAnId;
}

function readDouble(value: unknown): number {
  if (typeof value === 'number') return value;
  if (value instanceof IntegerText) return Number(value.text);
  if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return Number(value);
  const isNumeric = typeof value === 'string' && /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(value);
  if (!isNumeric) throw expected('a number', value);
  return Number(value);
}

function expected(what: string, value: unknown): Problem {
  return new Problem(`expected ${what}, found ${nameOf(value)}`);
}
