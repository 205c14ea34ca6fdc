import type { Expression, SpansetExpression } from './ast.ts';
import { compilePredicate, isSpansets, type SpanFields } from './evaluate.ts';
import { namedIn } from './named-in.ts';

/** What only all spans of a trace together can say. */
const ofWholeTrace: ReadonlySet<string> = new Set([
  'traceDuration',
  'rootName',
  'rootServiceName',
  'nestedSetLeft',
  'nestedSetRight',
  'nestedSetParent',
]);

/**
 * Could a span, looked at alone, be one that a query's spansets match? Says yes wherever that hangs on the rest of its
 * trace; a trace in which it says no to every span is not matched.
 */
export function compileAnySpan(expression: SpansetExpression): (span: SpanFields) => boolean {
  if (expression.type === 'spanset') return compileMay(expression.filter);
  if (expression.type === 'pipeline') {
    // What comes behind finds among what the first stage found; where that is no filter, it may be anything.
    const [first] = expression.stages;
    return isSpansets(first) ? compileAnySpan(first) : () => true;
  }
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

const asksWholeTrace = (expression: Expression): boolean =>
  namedIn(expression).some((field) => field.type === 'intrinsic' && ofWholeTrace.has(field.name));
