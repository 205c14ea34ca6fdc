import type { NumberRange } from '../../model/predicates.ts';
import type { CompareOperator } from './ast.ts';

/** The same comparison with its sides exchanged. */
export const mirrored: Readonly<Record<CompareOperator, CompareOperator>> = {
  '==': '==',
  '!=': '!=',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
};

/** Of `!=` it is the range that the value must not be in. */
export function rangeOf(op: CompareOperator, bound: number): NumberRange {
  if (op === '<' || op === '<=') return { max: bound, ...(op === '<' && { maxExclusive: true }) };
  if (op === '>' || op === '>=') return { min: bound, ...(op === '>' && { minExclusive: true }) };
  return { min: bound, max: bound };
}
