import type { Expression, Field, Pattern, Value } from './ast.ts';
import { typeOf } from './check.ts';
import { calculate, holds, negated } from './values.ts';

/** One span as a query sees it. A field with several values (events, links, arrays) gives a list. */
export interface SpanFields {
  field(field: Field): Value;
  /** What it may cost to look at; left out where that is little. */
  readonly byteLength?: number;
}

export type Predicate = (span: SpanFields) => boolean;
export type Read = (span: SpanFields) => Value;

/** Compiles what stands between the braces of one spanset; all of it must hold on one span. */
export function compilePredicate(expression: Expression): Predicate {
  switch (expression.type) {
    case 'and': {
      const [left, right] = [compilePredicate(expression.left), compilePredicate(expression.right)];
      return (span) => left(span) && right(span);
    }
    case 'or': {
      const [left, right] = [compilePredicate(expression.left), compilePredicate(expression.right)];
      return (span) => left(span) || right(span);
    }
    case 'not':
      return negation(expression.operand);
    case 'exists': {
      const read = compileRead(expression.operand);
      return (span) => isPresent(read(span)) === expression.wanted;
    }
    case 'match':
      return matching(compileRead(expression.operand), expression.pattern, expression.negated);
    case 'compare': {
      const [left, right] = [compileRead(expression.left), compileRead(expression.right)];
      return (span) => holds(expression.op, left(span), right(span));
    }
    default: {
      const read = compileRead(expression);
      return (span) => read(span) === true;
    }
  }
}

/** Compiles an expression to its value on one span. */
export function compileRead(expression: Expression): Read {
  switch (expression.type) {
    case 'literal':
      return () => expression.value;
    case 'attribute':
    case 'intrinsic':
      return (span) => span.field(expression);
    case 'negate': {
      const read = compileRead(expression.operand);
      return (span) => negated(read(span));
    }
    case 'arithmetic': {
      const [left, right] = [compileRead(expression.left), compileRead(expression.right)];
      return (span) => calculate(expression.op, left(span), right(span));
    }
    default:
      return compilePredicate(expression);
  }
}

/** `!` of what is no boolean holds for no span, as nothing true or false was said of it. */
function negation(operand: Expression): Predicate {
  if (typeOf(operand) !== 'boolean') {
    const read = compileRead(operand);
    return (span) => read(span) === false;
  }
  const inner = compilePredicate(operand);
  return (span) => !inner(span);
}

const isPresent = (value: Value): boolean => value !== undefined && !(Array.isArray(value) && value.length === 0);

function matching(read: Read, pattern: Pattern, isNegated: boolean): Predicate {
  const test = (value: Value): boolean => typeof value === 'string' && pattern.test(value) !== isNegated;
  return (span) => {
    const value = read(span);
    return Array.isArray(value) ? value.some(test) : test(value);
  };
}
