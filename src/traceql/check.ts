import type { Expression, Field, Literal, Operator } from './ast.ts';
import { type FieldType, intrinsicTypes } from './names.ts';

/** What type a field or literal has as far as the query alone tells. */
export function typeOf(operand: Field | Literal): FieldType {
  if (operand.type === 'attribute') return 'any';
  if (operand.type === 'intrinsic') return intrinsicTypes[operand.name];
  if (typeof operand.value === 'object') return operand.value.of;
  return typeof operand.value === 'bigint' ? 'number' : (typeof operand.value as 'string' | 'number' | 'boolean');
}

/**
 * Why these two cannot be compared, or undefined where they can. Tempo refuses the same (pkg/traceql/ast_validate.go).
 */
export function comparisonError(op: Operator, left: FieldType, right: FieldType): string | undefined {
  if (left !== right && left !== 'any' && right !== 'any') return `cannot compare a ${left} with a ${right}`;
  const known = left === 'any' ? right : left;
  const ordered = known === 'number' || known === 'string' || known === 'any';
  return ordered || op === '=' || op === '!=' ? undefined : `"${op}" does not apply to a ${known}: use = or !=`;
}

/** Whether an expression can be true or false at all. */
export function isCondition(expression: Expression): boolean {
  if (expression.type === 'literal') return typeof expression.value === 'boolean';
  return expression.type !== 'intrinsic';
}
