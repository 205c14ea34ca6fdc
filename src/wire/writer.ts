import { copyBytes } from './copy.ts';

const utf8 = new TextEncoder();

/**
 * A growing buffer of protobuf bytes. Lengths of nested messages are written where the message starts, after it is
 * known how long it became (`open` / `close`), so a message is written in one pass.
 * The writer owns its bytes; `finish()` copies them out, `view()` lends them until the next write or `reset()`.
 */
export class Writer {
  buf: Uint8Array;
  pos = 0;
  #view: DataView;

  /** Starts with so many bytes of its own, or with the ones given, and takes larger ones when they are full. */
  constructor(memory: number | Uint8Array = 1024) {
    this.buf = typeof memory === 'number' ? new Uint8Array(memory) : memory;
    this.#view = new DataView(this.buf.buffer, this.buf.byteOffset, this.buf.byteLength);
  }

  /** Of `buf`, until it grows. */
  get dataView(): DataView {
    return this.#view;
  }

  reset(): this {
    this.pos = 0;
    return this;
  }

  view(): Uint8Array {
    return this.buf.subarray(0, this.pos);
  }

  finish(): Uint8Array {
    return this.buf.slice(0, this.pos);
  }

  /** Makes room for `extra` more bytes. */
  reserve(extra: number): void {
    if (this.pos + extra <= this.buf.length) return;
    const grown = new Uint8Array(Math.max(this.buf.length * 2, this.pos + extra));
    grown.set(this.buf.subarray(0, this.pos));
    this.buf = grown;
    this.#view = new DataView(grown.buffer);
  }

  /** An unsigned varint of a non-negative safe integer. */
  varint(value: number): void {
    this.reserve(10);
    while (value >= 0x80) {
      this.buf[this.pos++] = (value % 128) | 0x80;
      value = Math.floor(value / 128);
    }
    this.buf[this.pos++] = value;
  }

  /** A signed or unsigned 64-bit integer as a varint. */
  int64(value: bigint): void {
    this.reserve(10);
    let rest = BigInt.asUintN(64, value);
    while (rest >= 0x80n) {
      this.buf[this.pos++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.buf[this.pos++] = Number(rest);
  }

  tag(field: number, wireType: number): void {
    this.varint(field * 8 + wireType);
  }

  fixed32(value: number): void {
    this.reserve(4);
    this.#view.setUint32(this.pos, value, true);
    this.pos += 4;
  }

  fixed64(value: bigint): void {
    this.reserve(8);
    this.#view.setBigUint64(this.pos, BigInt.asUintN(64, value), true);
    this.pos += 8;
  }

  double(value: number): void {
    this.reserve(8);
    this.#view.setFloat64(this.pos, value, true);
    this.pos += 8;
  }

  /** Bytes as they are, without tag or length. */
  raw(bytes: Uint8Array, start = 0, end = bytes.length): void {
    const length = end - start;
    this.reserve(length);
    copyBytes(bytes, start, end, this.buf, this.pos);
    this.pos += length;
  }

  zeros(length: number): void {
    this.reserve(length);
    this.buf.fill(0, this.pos, this.pos + length);
    this.pos += length;
  }

  /** A length-delimited field. */
  bytes(field: number, bytes: Uint8Array, start = 0, end = bytes.length): void {
    this.tag(field, 2);
    this.varint(end - start);
    this.raw(bytes, start, end);
  }

  string(field: number, text: string): void {
    this.bytes(field, utf8.encode(text));
  }

  /** Starts a nested message and returns the mark that `close` needs. */
  open(field: number): number {
    this.tag(field, 2);
    this.reserve(1);
    return ++this.pos;
  }

  /**
   * Ends the message begun at `mark`: writes its length before it, moving it where the length needs more than one byte.
   */
  close(mark: number): void {
    const length = this.pos - mark;
    const bytes = lengthBytes(length);
    if (bytes > 1) {
      this.reserve(bytes - 1);
      this.buf.copyWithin(mark + bytes - 1, mark, this.pos);
    }
    this.pos = mark - 1;
    this.varint(length);
    this.pos += length;
  }
}

/** Bytes of a length as it is written, without padding. */
function lengthBytes(length: number): number {
  if (length < 0x80) return 1;
  if (length < 0x4000) return 2;
  if (length < 0x20_0000) return 3;
  let bytes = 4;
  for (let rest = length; rest >= 0x1000_0000; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}

/** Bytes of a field with a tag of one byte, its length, and so many bytes in it. */
export const fieldBytes = (length: number): number => 1 + lengthBytes(length) + length;
