import { Problem } from './problem.ts';

/** An integer literal beyond 2^53 as it stood in the text, where a number would have been rounded. */
export class IntegerText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Thrown on the first number that was rounded: the text must be parsed again with its integers kept. */
export class Rounded extends Error {}

/** More digits than any 64-bit integer needs; keeps `1e999999999` from becoming one. */
const maxDigits = 40;

/** A ProtoJSON integer, as number or string, in plain, `.0` or exponent form; exact. */
export function readInteger(value: unknown, min: bigint, max: bigint): bigint {
  const integer = BigInt(toInteger(value));
  if (integer < min || integer > max) throw new Problem(`${integer} is out of range ${min} … ${max}`);
  return integer;
}

/** The same for what fits a number. */
export function readSmallInteger(value: unknown, min: number, max: number): number {
  const integer = Number(toInteger(value));
  if (integer < min || integer > max) throw new Problem(`${integer} is out of range ${min} … ${max}`);
  return integer;
}

function toInteger(value: unknown): bigint | number | string {
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) return value;
    if (Number.isInteger(value)) throw new Rounded();
    throw new Problem(`${value} is not an integer`);
  }
  const text = value instanceof IntegerText ? value.text : value;
  if (typeof text !== 'string') throw new Problem(`expected an integer, found ${nameOf(value)}`);
  return /^-?\d{1,20}$/.test(text) ? text : expand(text);
}

/** `1.5e3` → 1500n, without going through a double. */
function expand(text: string): bigint {
  const match = /^(-?)(\d{1,40})(?:\.(\d{1,40}))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text);
  if (match === null) throw new Problem(`${JSON.stringify(text.slice(0, maxDigits))} is not an integer`);
  const [, sign, whole, fraction = '', exponent = '0'] = match;
  const shift = Number(exponent) - fraction.length;
  const digits = (whole + fraction).replace(/^0+(?=\d)/, '');
  if (digits.length + shift > maxDigits && digits !== '0') throw new Problem(`${text} is out of range`);
  return BigInt(sign + (shift >= 0 ? digits + '0'.repeat(Math.min(shift, maxDigits)) : cut(text, digits, -shift)));
}

/** Takes `count` digits off the end; they must be zeros. */
function cut(text: string, digits: string, count: number): string {
  const kept = Math.max(0, digits.length - count);
  if (/[1-9]/.test(digits.slice(kept))) throw new Problem(`${text} is not an integer`);
  return digits.slice(0, kept) || '0';
}

/** What a value is, for an error message. */
export function nameOf(value: unknown): string {
  if (value === null) return 'null';
  if (value instanceof IntegerText) return 'a number';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
