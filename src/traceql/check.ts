import type { Expression, Literal } from './ast.ts';
import { type FieldType, intrinsicTypes } from './names.ts';

/** What type an expression has as far as the query alone tells. */
export function typeOf(expression: Expression): FieldType {
  switch (expression.type) {
    case 'attribute':
      return 'any';
    case 'intrinsic':
      return intrinsicTypes[expression.name];
    case 'literal':
      return typeOfLiteral(expression);
    case 'negate':
      return typeOf(expression.operand);
    case 'arithmetic':
      return arithmeticType(typeOf(expression.left), typeOf(expression.right));
    default:
      return 'boolean';
  }
}

function typeOfLiteral({ value, isDuration }: Literal): FieldType {
  if (typeof value === 'object') return value.of;
  if (isDuration) return 'duration';
  return typeof value === 'bigint' ? 'number' : (typeof value as 'string' | 'number' | 'boolean');
}

const arithmeticType = (left: FieldType, right: FieldType): FieldType => (left === 'any' ? right : left);

const isNumeric = (type: FieldType): boolean => type === 'number' || type === 'duration';

/** What each operator takes, beside `any`, whose type only its values tell. */
const takes: Readonly<Record<string, readonly FieldType[]>> = {
  '&&': ['boolean'],
  '||': ['boolean'],
  '=~': ['string'],
  '!~': ['string'],
  '=': ['string', 'number', 'duration', 'boolean', 'status', 'kind'],
  '!=': ['string', 'number', 'duration', 'boolean', 'status', 'kind'],
};
const ordered: readonly FieldType[] = ['string', 'number', 'duration'];
const counted: readonly FieldType[] = ['number', 'duration'];
const typesOf = (op: string): readonly FieldType[] => takes[op] ?? (/[<>]/.test(op) ? ordered : counted);

/**
 * Why an operator does not stand between these two, or undefined where it may. Tempo refuses the same
 * (pkg/traceql/ast_validate.go).
 */
export function operatorError(op: string, left: FieldType, right: FieldType): string | undefined {
  const isMatching = left === right || left === 'any' || right === 'any' || (isNumeric(left) && isNumeric(right));
  if (!isMatching) return `cannot ${/^[<>=!]/.test(op) ? 'compare' : 'join'} a ${left} with a ${right}`;
  for (const type of [left, right]) {
    if (type === 'any' || typesOf(op).includes(type)) continue;
    return `"${op}" does not apply to a ${type}${/[<>]/.test(op) ? ': use = or !=' : ''}`;
  }
  return undefined;
}

/** Why `!` or `-` does not stand before this. */
export function prefixError(op: '!' | '-', type: FieldType): string | undefined {
  const fits = type === 'any' || (op === '!' ? type === 'boolean' : isNumeric(type));
  return fits ? undefined : `"${op}" does not apply to a ${type}`;
}

/** Whether an expression can be true or false at all. */
export function isCondition(expression: Expression): boolean {
  const type = typeOf(expression);
  return type === 'boolean' || type === 'any';
}

/** Whether an expression can be added up. */
export function isNumber(expression: Expression): boolean {
  const type = typeOf(expression);
  return type === 'any' || isNumeric(type);
}

/** Whether an expression hangs on the span that it is asked of. */
export function asksSpan(expression: Expression): boolean {
  switch (expression.type) {
    case 'literal':
      return false;
    case 'attribute':
    case 'intrinsic':
      return true;
    case 'not':
    case 'negate':
    case 'exists':
    case 'match':
      return asksSpan(expression.operand);
    default:
      return asksSpan(expression.left) || asksSpan(expression.right);
  }
}
