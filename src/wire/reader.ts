/**
 * Thrown for protobuf that breaks the encoding rules; the message says what, and at which byte. It has no stack: whose
 * fault it is, the message says, and one request can have thousands of them.
 */
export class MalformedError extends Error {
  override readonly name = 'MalformedError';

  constructor(message: string) {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message);
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** A mark at a text's beginning is a part of the text. */
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** Groups may nest; nothing in OTLP uses them, and whatever came through the scan nests no deeper. */
const maxGroupDepth = 100;

/**
 * A cursor over protobuf bytes, for everything but the hot path: `while (r.next()) switch (r.field) …`.
 * It never reads past `end`, reads 64-bit values without rounding, and owns no bytes: what it returns as
 * `bytes()` are views into the buffer it was given. Encoding: protobuf.dev/programming-guides/encoding.
 */
export class Reader {
  buf: Uint8Array;
  pos: number;
  end: number;
  /** Field number and wire type of the field that the last `next()` stopped at. */
  field = 0;
  wireType = 0;

  constructor(buf: Uint8Array, pos = 0, end = buf.length) {
    this.buf = buf;
    this.pos = pos;
    this.end = end;
  }

  /** Moves to the next field; false at the end of the message. */
  next(): boolean {
    if (this.pos >= this.end) return false;
    // Nearly all of them are one byte.
    const byte = this.buf[this.pos];
    if (byte < 8 || byte >= 0x80) return this.nextOfManyBytes();
    this.pos++;
    this.field = byte >> 3;
    this.wireType = byte & 7;
    return true;
  }

  private nextOfManyBytes(): boolean {
    const tag = this.varint();
    this.field = Math.floor(tag / 8);
    this.wireType = tag & 7;
    if (this.field === 0 || this.field > 0x1fffffff) throw this.malformed(`field number ${this.field}`);
    return true;
  }

  /** An unsigned varint as a number; exact up to 2^53, which is enough for lengths, tags, enums and counts. */
  varint(): number {
    // Nearly all of them are one byte.
    if (this.pos < this.end && this.buf[this.pos] < 0x80) return this.buf[this.pos++];
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      if (this.pos >= this.end) throw this.malformed('a varint runs past the end');
      const byte = this.buf[this.pos++];
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw this.malformed('a varint of more than 10 bytes');
  }

  /** A varint as a signed 64-bit integer. */
  int64(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.pos >= this.end) throw this.malformed('a varint runs past the end');
      const byte = this.buf[this.pos++];
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
    throw this.malformed('a varint of more than 10 bytes');
  }

  /** The same, rounded to a double. */
  int64AsNumber(): number {
    const at = this.pos;
    const value = this.varint();
    if (value <= Number.MAX_SAFE_INTEGER) return value;
    this.pos = at;
    return Number(this.int64());
  }

  fixed32(): number {
    const at = this.take(4);
    const b = this.buf;
    return (b[at] | (b[at + 1] << 8) | (b[at + 2] << 16) | (b[at + 3] << 24)) >>> 0;
  }

  fixed64(): bigint {
    const low = this.fixed32();
    return (BigInt(this.fixed32()) << 32n) | BigInt(low);
  }

  double(): number {
    const at = this.take(8);
    return new DataView(this.buf.buffer, this.buf.byteOffset + at, 8).getFloat64(0, true);
  }

  /** The bytes of a length-delimited field, as a view. */
  bytes(): Uint8Array {
    const length = this.varint();
    const at = this.take(length);
    return this.buf.subarray(at, at + length);
  }

  /** A string field; invalid UTF-8 becomes U+FFFD. */
  string(): string {
    return utf8.decode(this.bytes());
  }

  /** A cursor over a nested message; this one moves past it. */
  message(): Reader {
    const length = this.varint();
    const at = this.take(length);
    return new Reader(this.buf, at, at + length);
  }

  /**
   * Goes onto the nested message at which `outer` stands, which moves past it: `outer.message()` without a new cursor.
   */
  enter(outer: Reader): this {
    const at = outer.pos + 1;
    const end = at + outer.buf[outer.pos];
    if (end - at < 0x80 && end <= outer.end) {
      outer.pos = end;
      return this.goTo(outer.buf, at, end);
    }
    const length = outer.varint();
    const start = outer.take(length);
    return this.goTo(outer.buf, start, start + length);
  }

  goTo(buf: Uint8Array, pos: number, end: number): this {
    // Where it is the same already, it need not be told to the garbage collector.
    if (this.buf !== buf) this.buf = buf;
    this.pos = pos;
    this.end = end;
    return this;
  }

  /** Moves past the value of the current field, whatever it is. */
  skip(depth = 0): void {
    switch (this.wireType) {
      case 0:
        this.varint();
        return;
      case 1:
        this.take(8);
        return;
      case 2:
        this.take(this.varint());
        return;
      case 3:
        this.skipGroup(this.field, depth);
        return;
      case 5:
        this.take(4);
        return;
      default:
        throw this.malformed(`wire type ${this.wireType}`);
    }
  }

  private skipGroup(field: number, depth: number): void {
    if (depth >= maxGroupDepth) throw this.malformed('groups nested too deeply');
    while (this.next()) {
      if (this.wireType === 4) {
        if (this.field !== field) throw this.malformed('a group ends that was not open');
        return;
      }
      this.skip(depth + 1);
    }
    throw this.malformed('a group without an end');
  }

  private take(length: number): number {
    const at = this.pos;
    if (length > this.end - at) throw this.malformed(`a field of ${length} bytes where ${this.end - at} are left`);
    this.pos = at + length;
    return at;
  }

  malformed(what: string): MalformedError {
    return new MalformedError(`malformed protobuf at byte ${this.pos}: ${what}`);
  }
}
