import type { BitsOf } from '../model/conditions.ts';
import { isSame } from '../wire/same-bytes.ts';
import { comma, skipSpace, trimmed, until } from '../wire/tracestate.ts';
import { maskOf, setMask } from './mask.ts';

interface Asked {
  readonly atom: { readonly key: string; readonly values: readonly string[] };
  readonly bit: number;
}

const utf8 = new TextEncoder();
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
      const key = skipSpace(buf, at, to);
      const isAt = until(equals, buf, key, to);
      for (const member of members) {
        if (isSame(member.key, buf, key, isAt) && isSame(member.value, buf, isAt + 1, trimmed(buf, isAt + 1, to)))
          bits |= setMask(member.mask, wide);
      }
      at = to + 1;
    }
    return bits;
  };
}
