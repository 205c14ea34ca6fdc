import type { CompareOperator } from './ast.ts';
import { Duration, Id, isList, Moment, type Value } from './value.ts';

/**
 * Compares as pkg/ottl's compare.go does: numbers of two types as doubles, nil equal to nil alone, and values that
 * cannot be compared unequal, and in no order.
 */
export function compare(a: Value, b: Value, op: CompareOperator): boolean {
  if (a === null && b === null) return op === '==' || op === '<=' || op === '>=';
  const order = orderOf(a, b);
  if (order !== undefined) return holds(order, op);
  if (op !== '==' && op !== '!=') return false;
  return isEqual(a, b) === (op === '==');
}

/** Below 0, 0, above 0; NaN for two of which one is no number; undefined where there is no order. */
function orderOf(a: Value, b: Value): number | undefined {
  if (isNumber(a) && isNumber(b)) {
    if (typeof a === 'bigint' && typeof b === 'bigint') return a < b ? -1 : Number(a > b);
    const [x, y] = [Number(a), Number(b)];
    return x < y ? -1 : x > y ? 1 : x === y ? 0 : Number.NaN;
  }
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  if (typeof a === 'string' && typeof b === 'string')
    return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b));
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  if ((a instanceof Moment && b instanceof Moment) || (a instanceof Duration && b instanceof Duration))
    return a.ns < b.ns ? -1 : Number(a.ns > b.ns);
  return undefined;
}

const isNumber = (value: Value): value is bigint | number => typeof value === 'bigint' || typeof value === 'number';

function holds(order: number, op: CompareOperator): boolean {
  switch (op) {
    case '==':
      return order === 0;
    case '!=':
      return order !== 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}

/** Of what has no order: ids, lists and maps, whose items are equal where their types are, too. */
function isEqual(a: Value, b: Value): boolean {
  if (a instanceof Id && b instanceof Id) return a.hex === b.hex;
  if (isList(a) && isList(b)) return a.length === b.length && a.every((item, i) => isSame(item, b[i]!));
  if (a instanceof Map && b instanceof Map)
    return a.size === b.size && [...a].every(([key, item]) => b.has(key) && isSame(item, b.get(key)));
  return false;
}

function isSame(a: Value, b: Value): boolean {
  if (a === null || b === null) return a === b;
  return typeof a === typeof b && compare(a, b, '==');
}
