/**
 * A 56-bit rejection threshold in two numbers: a trace whose randomness is at least this is kept.
 * Source: OpenTelemetry specification, "TraceState: Probability Sampling".
 */
export interface Threshold {
  /** The upper 24 bits. */
  readonly high: number;
  /** The lower 32 bits, unsigned. */
  readonly low: number;
  /** The value of `th`: up to 14 hex digits without trailing zeros, `0` for zero. */
  readonly text: string;
}

/** Keeps all. */
export const noFloor: Threshold = { high: 0, low: 0, text: '0' };

const digits = 14;
const full = 1n << 56n;

/**
 * The threshold of a sampling probability, to four hex digits and one more for each leading `f`.
 * Probability 0 has no threshold: anything below 2^-56 or above 1 is a RangeError.
 */
export function thresholdOf(probability: number): Threshold {
  if (!(probability >= 2 ** -56 && probability <= 1)) {
    throw new RangeError(`no threshold for probability ${probability}: expected 2^-56 to 1`);
  }
  const exact = full - BigInt(Math.round(probability * 2 ** 56));
  const value = rounded(exact, precision(exact));
  return threshold(Number(value >> 32n), Number(value & 0xffff_ffffn));
}

/** The same threshold from its two halves. */
export function threshold(high: number, low: number): Threshold {
  return { high, low, text: thresholdText(high, low) };
}

export function thresholdText(high: number, low: number): string {
  const hex = high.toString(16).padStart(6, '0') + low.toString(16).padStart(8, '0');
  return hex.replace(/0+$/, '') || '0';
}

/** Reads a `th` value; null where it is not 1–14 lower-case hex digits. */
export function parseThreshold(text: string): Threshold | null {
  if (!/^[0-9a-f]{1,14}$/.test(text)) return null;
  const hex = text.padEnd(digits, '0');
  return threshold(Number.parseInt(hex.slice(0, 6), 16), Number.parseInt(hex.slice(6), 16));
}

/** How many traces a kept one stands for: 1 / probability. */
export function adjustedCount(high: number, low: number): number {
  return 2 ** 56 / ((0x100_0000 - high) * 2 ** 32 - low);
}

/** Is `randomness ≥ threshold`, both 56 bits in two numbers? Then the trace is kept. */
export function reaches(randomHigh: number, randomLow: number, high: number, low: number): boolean {
  return randomHigh !== high ? randomHigh > high : randomLow >= low;
}

function precision(exact: bigint): number {
  const leading = /^f*/.exec(exact.toString(16).padStart(digits, '0'))![0].length;
  return Math.min(digits, 4 + leading);
}

function rounded(value: bigint, precision: number): bigint {
  const shift = BigInt(4 * (digits - precision));
  return shift === 0n ? value : ((value + (1n << (shift - 1n))) >> shift) << shift;
}
