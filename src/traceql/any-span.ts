import type { Expression, SpansetExpression } from './ast.ts';
import { isSpansets } from './evaluate.ts';
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

const anything: Expression = { type: 'literal', value: true };

/**
 * What a span, looked at alone, must fulfil to be one that a query's spansets may match. Holds wherever that hangs on the
 * rest of its trace; a trace in which it holds for no span is not matched.
 */
export function ofAnySpan(expression: SpansetExpression): Expression {
  if (expression.type === 'spanset') return mayHold(expression.filter);
  if (expression.type === 'pipeline') {
    // What comes behind finds among what the first stage found; where that is no filter, it may be anything.
    const [first] = expression.stages;
    return isSpansets(first) ? ofAnySpan(first) : anything;
  }
  return { type: 'or', left: ofAnySpan(expression.left), right: ofAnySpan(expression.right) };
}

function mayHold(expression: Expression): Expression {
  if (expression.type === 'and' || expression.type === 'or')
    return { type: expression.type, left: mayHold(expression.left), right: mayHold(expression.right) };
  return asksWholeTrace(expression) ? anything : expression;
}

const asksWholeTrace = (expression: Expression): boolean =>
  namedIn(expression).some((field) => field.type === 'intrinsic' && ofWholeTrace.has(field.name));
