import type { BitsOf } from '../model/conditions.ts';
import { maskOf, setMask } from './mask.ts';

interface Asked {
  readonly atom: { readonly key: string; readonly values: readonly string[] };
  readonly bit: number;
}

const utf8 = new TextEncoder();
const comma = 0x2c;
const equals = 0x3d;

/** The bits of a tracestate by its members. Source: W3C Trace Context, tracestate: `key=value`, separated by commas. */
export function tracestateBits(asked: readonly Asked[]): BitsOf {
  const members = asked.flatMap(({ atom, bit }) =>
    atom.values.map((value) => ({ key: utf8.encode(atom.key), value: utf8.encode(value), mask: maskOf([bit]) })),
  );
  return (buf, start, end, wide) => {
    let bits = 0;
    for (let at = start; at < end; ) {
      const to = until(comma, buf, at, end);
      const key = skipBlanks(buf, at, to);
      const isAt = until(equals, buf, key, to);
      for (const member of members) {
        if (isText(member.key, buf, key, isAt) && isText(member.value, buf, isAt + 1, trimmed(buf, isAt + 1, to)))
          bits |= setMask(member.mask, wide);
      }
      at = to + 1;
    }
    return bits;
  };
}

function isText(text: Uint8Array, buf: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let i = 0; i < text.length; i++) if (text[i] !== buf[start + i]) return false;
  return true;
}

function until(byte: number, buf: Uint8Array, at: number, end: number): number {
  while (at < end && buf[at] !== byte) at++;
  return at;
}

function skipBlanks(buf: Uint8Array, at: number, end: number): number {
  while (at < end && (buf[at] === 0x20 || buf[at] === 0x09)) at++;
  return at;
}

function trimmed(buf: Uint8Array, start: number, end: number): number {
  while (end > start && (buf[end - 1] === 0x20 || buf[end - 1] === 0x09)) end--;
  return end;
}
