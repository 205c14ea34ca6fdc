import { Span } from '../wire/otlp.ts';

/** Where the walk below stands. */
let pos = 0;

/**
 * Where the tag of the last tracestate field of buf[start, end), a well-formed Span message, lies; -1 where there is
 * none or the last one is empty. Every kept span comes by here: no Reader, nothing allocated.
 */
export function lastTraceState(buf: Uint8Array, start: number, end: number): number {
  let found = -1;
  for (pos = start; pos < end; ) {
    const at = pos;
    const tag = varint(buf);
    skip(buf, tag & 7);
    if (tag >>> 3 === Span.traceState && (tag & 7) === 2) found = buf[pos - 1] === 0 ? -1 : at;
  }
  return found;
}

/** Tags and lengths: they fit 32 bits. */
function varint(buf: Uint8Array): number {
  let byte = buf[pos++];
  let value = byte & 0x7f;
  for (let shift = 7; byte >= 0x80; shift += 7) {
    byte = buf[pos++];
    value |= (byte & 0x7f) << shift;
  }
  return value >>> 0;
}

function skip(buf: Uint8Array, wireType: number): void {
  switch (wireType) {
    case 0:
      while (buf[pos++] >= 0x80);
      return;
    case 1:
      pos += 8;
      return;
    case 2: {
      const length = varint(buf);
      pos += length;
      return;
    }
    case 5:
      pos += 4;
  }
}
