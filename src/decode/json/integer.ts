import { Problem } from './problem.ts';

/** The integer that was read last, as two words of 32 bits, two's complement where it is negative. */
export let integerLow = 0;
export let integerHigh = 0;

/** What a field's integers may be. */
export interface Range {
  readonly min: bigint;
  readonly max: bigint;
}

/** More digits than any 64-bit integer needs; keeps `1e999999999` from becoming one. */
const maxDigits = 40;

/**
 * Reads bytes[start, end) as a ProtoJSON integer in plain, `.0` or exponent form; exact, and without objects where it
 * is plain.
 */
export function readInteger(bytes: Buffer, start: number, end: number, range: Range): void {
  if (!readDigits(bytes, start, end, range.max)) readExactly(bytes, start, end, range);
}

/** Reads what is digits only and too few of them to be out of range; false for anything else. */
function readDigits(bytes: Uint8Array, start: number, end: number, max: bigint): boolean {
  const count = end - start;
  if (count === 0 || count > (max > maxOf32 ? 19 : 9)) return false;
  let low = 0;
  let high = 0;
  for (let pos = start; pos < end; ) {
    // Six digits at a time: a word times a million, and they, are exact in a double.
    const to = Math.min(end, pos + 6);
    const scale = powersOf10[to - pos];
    let part = 0;
    for (; pos < to; pos++) {
      const digit = bytes[pos] - 0x30;
      if (digit < 0 || digit > 9) return false;
      part = part * 10 + digit;
    }
    const sum = low * scale + part;
    const carry = Math.floor(sum * (1 / twoTo32));
    low = sum - carry * twoTo32;
    high = high * scale + carry;
  }
  // 19 digits may be more than an int64 holds.
  if (high > 0x7fffffff) return false;
  integerLow = low;
  integerHigh = high;
  return true;
}

const powersOf10 = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000];
const twoTo32 = 2 ** 32;
const maxOf32 = 2n ** 32n - 1n;

function readExactly(bytes: Buffer, start: number, end: number, { min, max }: Range): void {
  const integer = expand(bytes.toString('latin1', start, Math.min(end, start + 4 * maxDigits)));
  if (integer < min || integer > max) throw new Problem(`"${integer}" is out of range ${min} … ${max}`);
  integerLow = Number(BigInt.asUintN(32, integer));
  integerHigh = Number(BigInt.asUintN(32, integer >> 32n));
}

/** `1.5e3` → 1500n, without going through a double. */
function expand(text: string): bigint {
  const match = /^(-?)(\d{1,40})(?:\.(\d{1,40}))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text);
  if (match === null) throw new Problem(`${JSON.stringify(text.slice(0, maxDigits))} is not an integer`);
  const [, sign, whole, fraction = '', exponent = '0'] = match;
  const shift = Number(exponent) - fraction.length;
  const digits = (whole + fraction).replace(/^0+(?=\d)/, '');
  if (digits.length + shift > maxDigits && digits !== '0') throw new Problem(`"${text}" is out of range`);
  return BigInt(sign + (shift >= 0 ? digits + '0'.repeat(Math.min(shift, maxDigits)) : cut(text, digits, -shift)));
}

/** Takes `count` digits off the end; they must be zeros. */
function cut(text: string, digits: string, count: number): string {
  const kept = Math.max(0, digits.length - count);
  if (/[1-9]/.test(digits.slice(kept))) throw new Problem(`"${text}" is not an integer`);
  return digits.slice(0, kept) || '0';
}
