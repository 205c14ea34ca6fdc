/** Shares of two digits: 0.0010, 0.0011 … 0.0099, 0.010 … 99, 100 per cent. */
const stepsADecade = 90;
const lowestExponent = -3;
const steps = 5 * stepsADecade;

const shareAt = (step: number): number =>
  Number(((10 + (step % stepsADecade)) * 10 ** (Math.floor(step / stepsADecade) + lowestExponent - 1)).toPrecision(2));

/**
 * The largest share in per cent, of two digits, with which no more than `mostBytes` are kept, 0 where none is small
 * enough; found by halving, with some nine questions. `bytesWith`: what is kept with a share, which rises with it.
 */
export async function largestShare(
  mostBytes: number,
  bytesWith: (percent: number) => Promise<number>,
): Promise<number> {
  let [fits, exceeds] = [-1, steps + 1];
  while (exceeds - fits > 1) {
    const middle = (fits + exceeds) >> 1;
    if ((await bytesWith(shareAt(middle))) <= mostBytes) fits = middle;
    else exceeds = middle;
  }
  return fits < 0 ? 0 : shareAt(fits);
}
