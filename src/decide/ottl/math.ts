import type { MathOperator } from './ast.ts';
import { between } from './paths.ts';
import { Duration, fault, Moment, type Value, type ValueOrFault } from './value.ts';

/** As pkg/ottl's math.go: 64-bit integers that wrap, doubles, and sums of times; nothing else can be calculated. */
export function calculate(a: Value, b: Value, op: MathOperator): ValueOrFault {
  if (typeof a === 'bigint' && typeof b === 'bigint') return integers(a, b, op);
  if ((typeof a === 'bigint' || typeof a === 'number') && (typeof b === 'bigint' || typeof b === 'number'))
    return doubles(Number(a), Number(b), op);
  if (a instanceof Moment && b instanceof Moment) return op === '-' ? between(a, b) : fault;
  if (a instanceof Moment && b instanceof Duration) return moved(a, b, op);
  if (a instanceof Duration && b instanceof Moment) return op === '+' ? moved(b, a, op) : fault;
  if (a instanceof Duration && b instanceof Duration)
    return op === '+' ? new Duration(a.ns + b.ns) : op === '-' ? new Duration(a.ns - b.ns) : fault;
  return fault;
}

export function negate(value: Value): ValueOrFault {
  if (typeof value === 'bigint') return BigInt.asIntN(64, -value);
  return typeof value === 'number' ? -value : fault;
}

function integers(a: bigint, b: bigint, op: MathOperator): ValueOrFault {
  if (op === '/') return b === 0n ? fault : BigInt.asIntN(64, a / b);
  return BigInt.asIntN(64, op === '+' ? a + b : op === '-' ? a - b : a * b);
}

function doubles(a: number, b: number, op: MathOperator): ValueOrFault {
  if (op === '/') return b === 0 ? fault : a / b;
  return op === '+' ? a + b : op === '-' ? a - b : a * b;
}

const moved = (from: Moment, by: Duration, op: MathOperator): ValueOrFault =>
  op === '+' ? new Moment(from.ns + by.ns) : op === '-' ? new Moment(from.ns - by.ns) : fault;
