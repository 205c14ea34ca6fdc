import type { Expression, Field, Literal, SpansetExpression } from './ast.ts';
import { compilePredicate, type SpanFields } from './evaluate.ts';

/** What only all spans of a trace together can say. */
const ofWholeTrace = new Set(['traceDuration', 'rootName', 'rootServiceName']);

/**
 * Could a span, looked at alone, be one that a query's spansets match? Says yes wherever that hangs on the rest of its
 * trace; a trace in which it says no to every span is not matched.
 */
export function compileAnySpan(expression: SpansetExpression): (span: SpanFields) => boolean {
  if (expression.type === 'spanset') return compileMay(expression.filter);
  const [left, right] = [compileAnySpan(expression.left), compileAnySpan(expression.right)];
  return (span) => left(span) || right(span);
}

function compileMay(expression: Expression): (span: SpanFields) => boolean {
  if (expression.type === 'and' || expression.type === 'or') {
    const [left, right] = [compileMay(expression.left), compileMay(expression.right)];
    return expression.type === 'and' ? (span) => left(span) && right(span) : (span) => left(span) || right(span);
  }
  return asksWholeTrace(expression) ? () => true : compilePredicate(expression);
}

function asksWholeTrace(expression: Expression | Field | Literal): boolean {
  switch (expression.type) {
    case 'intrinsic':
      return ofWholeTrace.has(expression.name);
    case 'and':
    case 'or':
    case 'compare':
      return asksWholeTrace(expression.left) || asksWholeTrace(expression.right);
    case 'match':
    case 'exists':
      return asksWholeTrace(expression.field);
    case 'not':
      return asksWholeTrace(expression.operand);
    default:
      return false;
  }
}
