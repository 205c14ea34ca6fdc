import type { ArithmeticOperator, Operator, Value } from './ast.ts';

export const isNumeric = (value: Value): value is number | bigint =>
  typeof value === 'number' || typeof value === 'bigint';

/** Whether a comparison holds; of a list, where it holds for some element. Nothing holds for nil, `!=` included. */
export function holds(op: Operator, left: Value, right: Value): boolean {
  if (Array.isArray(left)) return left.some((element) => holds(op, element, right));
  if (Array.isArray(right)) return right.some((element) => holds(op, left, element));
  if (!isComparable(left, right)) return false;
  return comparators[op](order(left, right));
}

/** Whether two values are of one kind; nothing holds between kinds. */
function isComparable(left: Value, right: Value): boolean {
  if (left === undefined || right === undefined) return false;
  if (isNumeric(left)) return isNumeric(right);
  if (typeof left !== typeof right) return false;
  return typeof left !== 'object' || (left as { of?: string }).of === (right as { of?: string }).of;
}

/** Below, equal or above 0, as numbers are; NaN where they have no order, as of two statuses that differ. */
function order(left: Value, right: Value): number {
  if (left === right) return 0;
  if (typeof left === 'string') return orderOfTexts(left, right as string);
  if (!isNumeric(left)) return Number.NaN;
  const other = right as number | bigint;
  if (left < other) return -1;
  if (left > other) return 1;
  // biome-ignore lint/suspicious/noDoubleEquals: 1 == 1n must hold
  return left == other ? 0 : Number.NaN;
}

/** By their code points, which is how their UTF-8 is ordered; JavaScript goes by UTF-16, in which pairs come early. */
function orderOfTexts(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  let at = 0;
  while (at < length && left.charCodeAt(at) === right.charCodeAt(at)) at++;
  if (at === length) return left.length - right.length;
  const [a, b] = [left.charCodeAt(at), right.charCodeAt(at)];
  return isSurrogate(a) === isSurrogate(b) ? a - b : isSurrogate(a) ? 1 : -1;
}

const isSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdfff;

const comparators: Record<Operator, (order: number) => boolean> = {
  '=': (order) => order === 0,
  '!=': (order) => order !== 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
};

/** Whole numbers give a whole number, of 64 bits; nil where a side is no number, or cannot be divided by. */
export function calculate(op: ArithmeticOperator, left: Value, right: Value): Value {
  if (!isNumeric(left) || !isNumeric(right)) return undefined;
  if (typeof left === 'bigint' && typeof right === 'bigint') return ofIntegers(op, left, right);
  return floats[op](Number(left), Number(right));
}

const floats: Record<ArithmeticOperator, (left: number, right: number) => number> = {
  '+': (left, right) => left + right,
  '-': (left, right) => left - right,
  '*': (left, right) => left * right,
  '/': (left, right) => left / right,
  '%': (left, right) => left % right,
  '^': (left, right) => left ** right,
};

function ofIntegers(op: ArithmeticOperator, left: bigint, right: bigint): Value {
  if (op === '^') return power(left, right);
  if ((op === '/' || op === '%') && right === 0n) return undefined;
  return BigInt.asIntN(64, integers[op](left, right));
}

const integers: Record<Exclude<ArithmeticOperator, '^'>, (left: bigint, right: bigint) => bigint> = {
  '+': (left, right) => left + right,
  '-': (left, right) => left - right,
  '*': (left, right) => left * right,
  '/': (left, right) => left / right,
  '%': (left, right) => left % right,
};

/** By squares, within 64 bits: an exponent may be any number. */
function power(base: bigint, exponent: bigint): Value {
  if (exponent < 0n) return Number(base) ** Number(exponent);
  let result = 1n;
  let square = BigInt.asIntN(64, base);
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = BigInt.asIntN(64, result * square);
    square = BigInt.asIntN(64, square * square);
  }
  return result;
}

export const negated = (value: Value): Value => (isNumeric(value) ? -value : undefined);
