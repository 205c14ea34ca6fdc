import type { Expression } from './ast.ts';
import { typeOf } from './check.ts';
import { compilePredicate, type SpanFields } from './predicate.ts';

type Steps = (span: SpanFields) => Generator<undefined, boolean>;
/** Asks one span; where that is much, in steps, between which the caller may do something else. */
type Ask = (span: SpanFields) => boolean | Generator<undefined, boolean>;

/** So many conditions are asked of a span at once. */
const mostAtOnce = 8;

/**
 * Compiles what stands between the braces of one spanset, as compilePredicate does. A query has room for ten thousand
 * conditions and a span for megabytes, of which each condition may want to see all.
 */
export const compileAsk = (expression: Expression): Ask =>
  conditionsIn(expression) <= mostAtOnce ? compilePredicate(expression) : compileSteps(expression);

function compileSteps(expression: Expression): Steps {
  const { type } = expression;
  if (type === 'and' || type === 'or') {
    const [left, right] = [compileSteps(expression.left), compileSteps(expression.right)];
    return type === 'and'
      ? function* (span) {
          return (yield* left(span)) && (yield* right(span));
        }
      : function* (span) {
          return (yield* left(span)) || (yield* right(span));
        };
  }
  if (type === 'not' && typeOf(expression.operand) === 'boolean') {
    const inner = compileSteps(expression.operand);
    return function* (span) {
      return !(yield* inner(span));
    };
  }
  const predicate = compilePredicate(expression);
  return function* (span) {
    yield;
    return predicate(span);
  };
}

function conditionsIn(expression: Expression): number {
  if (expression.type === 'and' || expression.type === 'or')
    return conditionsIn(expression.left) + conditionsIn(expression.right);
  return expression.type === 'not' ? conditionsIn(expression.operand) : 1;
}
