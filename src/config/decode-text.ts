import { isUtf8 } from 'node:buffer';

/** The first line, from 1, of bytes that are not UTF-8: a line's end is no part of any character. */
export function badLine(bytes: Uint8Array): number {
  for (let line = 1, start = 0; ; line++) {
    const end = bytes.indexOf(0x0a, start);
    if (end < 0 || !isUtf8(bytes.subarray(start, end))) return line;
    start = end + 1;
  }
}
