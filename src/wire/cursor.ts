import { MalformedError } from './reader.ts';

/**
 * Field cursors for the hot path: plain functions over (buf, pos, end) that allocate nothing. Callers keep at least
 * `slackBytes` readable bytes behind `end`, so that a short look ahead needs no check of its own; nothing read there is
 * ever used, because every length is compared with `end` before its body is.
 */
export const slackBytes = 16;

/** Where the body that `open` entered ends. Valid until the next call of `open`. */
export let bodyEnd = 0;

/** Enters the length-delimited value whose length stands at `pos`: returns where its body starts and sets `bodyEnd`. */
export function open(buf: Uint8Array, pos: number, end: number): number {
  // Small enough to be compiled into its callers: nearly every length is a single byte.
  const length = buf[pos];
  const to = pos + 1 + length;
  // Behind the buffer stands undefined, of which no comparison is true.
  if (!(length < 0x80 && to <= end)) return openLong(buf, pos, end);
  bodyEnd = to;
  return pos + 1;
}

/** A length of several bytes, or one that is too large. Other receivers read five bytes of a length at most. */
function openLong(buf: Uint8Array, pos: number, end: number): number {
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    if (pos >= end) throw malformed(pos, 'a length runs past the end');
    if (shift > 28) throw malformed(pos, 'a length of more than 5 bytes');
    const byte = buf[pos++];
    if (shift < 28) length |= (byte & 0x7f) << shift;
    else if (byte !== 0) throw malformed(pos, 'a length beyond every limit');
    if (byte < 0x80) break;
  }
  if (length > end - pos) throw malformed(pos, `a field of ${length} bytes where ${Math.max(0, end - pos)} are left`);
  bodyEnd = pos + length;
  return pos;
}

/** Moves past the varint at `pos`. */
export function skipVarint(buf: Uint8Array, pos: number, end: number): number {
  const limit = pos + 9;
  while (pos < end) {
    if (buf[pos++] < 0x80) return pos;
    if (pos === limit) return skipLastByte(buf, pos, end);
  }
  throw malformed(pos, 'a varint runs past the end');
}

/** A varint's tenth byte, which holds the highest bit of 64: others refuse more. */
function skipLastByte(buf: Uint8Array, pos: number, end: number): number {
  if (pos >= end) throw malformed(pos, 'a varint runs past the end');
  if (buf[pos] > 1) throw malformed(pos, 'a varint of more than 64 bits');
  return pos + 1;
}

/** The low 32 bits of the varint that ends before `end`; enums and bools need no more. */
export function varint32(buf: Uint8Array, pos: number, end: number): number {
  let value = 0;
  for (let shift = 0; pos < end; shift += 7) {
    const byte = buf[pos++];
    if (shift < 32) value |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return value;
}

/** The number of the field whose tag `readTag` read, and where its value starts. */
export let fieldNumber = 0;
export let fieldType = 0;

/** Reads the tag at `pos`, sets `fieldNumber` and `fieldType`, returns where the value starts. */
export function readTag(buf: Uint8Array, pos: number, end: number): number {
  const after = skipVarint(buf, pos, end);
  if (after - pos > 5) throw malformed(pos, 'a tag of more than 5 bytes');
  let tag = 0;
  let scale = 1;
  for (let i = pos; i < after; i++) {
    tag += (buf[i] & 0x7f) * scale;
    scale *= 128;
  }
  fieldType = tag % 8;
  fieldNumber = Math.floor(tag / 8);
  if (fieldNumber === 0 || fieldNumber > 0x1fffffff) throw malformed(pos, `field number ${fieldNumber}`);
  return after;
}

/** How deep messages may nest, counted from the request, which is 0: what upb and protobuf-java read at most. */
export const maxDepth = 100;

/** Moves past a value of wire type `type` that starts at `pos`. */
export function skipValue(buf: Uint8Array, pos: number, end: number, type: number): number {
  switch (type) {
    case 0:
      return skipVarint(buf, pos, end);
    case 1:
      return skipFixed(pos, end, 8);
    case 2:
      open(buf, pos, end);
      return bodyEnd;
    case 5:
      return skipFixed(pos, end, 4);
    default:
      // 3 and 4 are groups: nothing of OTLP is one, and receivers differ in how they read past them.
      throw malformed(pos, `wire type ${type}`);
  }
}

export function skipFixed(pos: number, end: number, bytes: number): number {
  if (bytes > end - pos) throw malformed(pos, `a field of ${bytes} bytes where ${Math.max(0, end - pos)} are left`);
  return pos + bytes;
}

export function malformed(at: number, what: string): MalformedError {
  return new MalformedError(`malformed protobuf: ${what} (byte ${at})`);
}
