/** Some bits of model/conditions.ts: those of the first word, and those of the further ones where there are any. */
export interface Mask {
  readonly low: number;
  readonly wide: Int32Array | undefined;
}

/** Bits by their numbers. */
export function maskOf(bits: Iterable<number>): Mask {
  let low = 0;
  const wide: number[] = [];
  for (const bit of bits) {
    if (bit < 32) low |= 1 << bit;
    else wide[(bit >>> 5) - 1] = (wide[(bit >>> 5) - 1] ?? 0) | (1 << (bit & 31));
  }
  return { low, wide: wide.length === 0 ? undefined : Int32Array.from(wide, (word) => word ?? 0) };
}

/** Sets a mask's bits: those of the first word are returned. */
export function setMask({ low, wide }: Mask, into: Int32Array): number {
  if (wide !== undefined) for (let i = 0; i < wide.length; i++) into[i] |= wide[i];
  return low;
}
