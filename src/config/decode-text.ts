import { isUtf8 } from 'node:buffer';

/** Why what is there is no text, whatever it is; the line where one is at fault. */
export interface NoText {
  readonly why: string;
  readonly line?: number;
}

/** The text of bytes that are UTF-8: a byte that is not would otherwise become another character in silence. */
export function decodeText(bytes: Uint8Array): string | NoText {
  if (isUtf8(bytes)) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  return { why: 'not valid UTF-8', line: badLine(bytes) };
}

/** `name:line: why` */
export function placed(name: string, { why, line }: NoText): string {
  return `${name}${line === undefined ? '' : `:${line}`}: ${why}`;
}

/** The first line, from 1, of bytes that are not UTF-8: a line's end is no part of any character. */
function badLine(bytes: Uint8Array): number {
  for (let line = 1, start = 0; ; line++) {
    const end = bytes.indexOf(0x0a, start);
    if (end < 0 || !isUtf8(bytes.subarray(start, end))) return line;
    start = end + 1;
  }
}
