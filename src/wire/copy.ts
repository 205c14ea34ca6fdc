const copy = Buffer.prototype.copy as (
  this: Uint8Array,
  target: Uint8Array,
  targetStart: number,
  sourceStart: number,
  sourceEnd: number,
) => number;

/** Below this a loop is as cheap as a call that leaves JavaScript. */
const shortBytes = 32;

/**
 * from[start … end) → to[at …). Needs no view object, and is as fast where one of the two is shared memory and they are
 * aligned differently: `TypedArray.prototype.set` copies those byte by byte (450 bytes: 112 ns instead of 17).
 */
export function copyBytes(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): void {
  if (end - start < shortBytes) for (let i = start; i < end; i++) to[at + i - start] = from[i];
  else copy.call(from, to, at, start, end);
}
