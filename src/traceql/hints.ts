import type { Expression, Field, SpansetExpression } from './ast.ts';
import { isSpansets } from './evaluate.ts';

/** What a span must have for one way in which a query may match it; what is not said may be anything. */
export interface Hint {
  /** Texts that stand in the span or around it, byte for byte: keys of attributes, and values that are asked for. */
  readonly texts: readonly string[];
  /** The name of its status. */
  readonly status?: string;
}

/** More ways than these are no hint. */
const mostWays = 16;
const anything: readonly Hint[] = [{ texts: [] }];

/**
 * The ways in which a span can be one that a query matches: where a span is none of them, it is not. Cheap to ask of
 * bytes, before anything is decoded.
 */
export function hintsOf(expression: SpansetExpression): readonly Hint[] {
  if (expression.type === 'spanset') return waysOf(expression.filter);
  if (expression.type === 'pipeline') {
    const [first] = expression.stages;
    return isSpansets(first) ? hintsOf(first) : anything;
  }
  return either(hintsOf(expression.left), hintsOf(expression.right));
}

function waysOf(expression: Expression): readonly Hint[] {
  switch (expression.type) {
    case 'and':
      return both(waysOf(expression.left), waysOf(expression.right));
    case 'or':
      return either(waysOf(expression.left), waysOf(expression.right));
    case 'match':
      return [{ texts: keysOf(expression.operand) }];
    case 'exists':
      return expression.wanted ? [{ texts: keysOf(expression.operand) }] : anything;
    case 'compare':
      return [comparison(expression)];
    default:
      return anything;
  }
}

function comparison({ op, left, right }: Extract<Expression, { type: 'compare' }>): Hint {
  const texts = [...keysOf(left), ...keysOf(right)];
  const [field, literal] = left.type === 'literal' ? [right, left] : [left, right];
  if (op !== '=' || literal.type !== 'literal' || !isField(field)) return { texts };
  const { value } = literal;
  if (field.type === 'intrinsic') {
    if (field.name === 'status' && typeof value === 'object') return { texts, status: value.name };
    return field.name === 'name' && isPlain(value) ? { texts: [...texts, value] } : { texts };
  }
  return isPlain(value) ? { texts: [...new Set([field.key, ...texts, value])].filter(isPlain) } : { texts };
}

const isField = (expression: Expression): expression is Field =>
  expression.type === 'attribute' || expression.type === 'intrinsic';

/** A resource that names no service has an empty name all the same. */
const isEverywhere = ({ scope, key }: Field & { type: 'attribute' }): boolean =>
  key === 'service.name' && (scope === 'any' || scope === 'resource');

/** Of what has no value where one of them is absent. */
function keysOf(expression: Expression): string[] {
  if (expression.type === 'attribute')
    return isPlain(expression.key) && !isEverywhere(expression) ? [expression.key] : [];
  if (expression.type === 'negate') return keysOf(expression.operand);
  return expression.type === 'arithmetic' ? [...keysOf(expression.left), ...keysOf(expression.right)] : [];
}

/** A text that stands in the bytes as it is, where the field has it: what was mended has not. */
const isPlain = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && !value.includes('\ufffd');

function either(left: readonly Hint[], right: readonly Hint[]): readonly Hint[] {
  return left.length + right.length > mostWays ? anything : [...left, ...right];
}

function both(left: readonly Hint[], right: readonly Hint[]): readonly Hint[] {
  if (left.length * right.length > mostWays) return left;
  return left.flatMap((a) => right.map((b) => ({ ...a, ...b, texts: [...new Set([...a.texts, ...b.texts])] })));
}
