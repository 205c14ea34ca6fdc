import type { Expression, Field, Literal, Operator, Pattern, SpansetExpression, Value } from './ast.ts';

/** One span as a query sees it. A field with several values (events, links, arrays) gives a list. */
export interface SpanFields {
  field(field: Field): Value;
}

type Predicate = (span: SpanFields) => boolean;

/** Compiles what stands between the braces of one spanset; all of it must hold on one span. */
export function compilePredicate(expression: Expression): Predicate {
  switch (expression.type) {
    case 'and':
      return both(compilePredicate(expression.left), compilePredicate(expression.right));
    case 'or':
      return either(compilePredicate(expression.left), compilePredicate(expression.right));
    case 'not':
      return negation(expression.operand);
    case 'exists':
      return (span) => isPresent(span.field(expression.field)) === expression.wanted;
    case 'match':
      return matching(expression.field, expression.pattern, expression.negated);
    case 'compare':
      return comparison(expression.op, reader(expression.left), reader(expression.right));
    default:
      return truth(reader(expression));
  }
}

/** So many spans are looked at in a step. */
const spansPerStep = 16;

/** The spans of a trace that a query's spansets match; empty where the trace does not match as a whole. */
export function matchSpans<T extends SpanFields>(expression: CompiledSpansets, spans: readonly T[]): readonly T[] {
  const steps = matchSteps(expression, spans);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** The same in steps, between which the caller may do something else. */
export function* matchSteps<T extends SpanFields>(
  expression: CompiledSpansets,
  spans: readonly T[],
): Generator<undefined, readonly T[]> {
  if (expression.type === 'spanset') return yield* filterSteps(expression.predicate, spans);
  const left = yield* matchSteps(expression.left, spans);
  const right = yield* matchSteps(expression.right, spans);
  if (expression.type === 'both' && (left.length === 0 || right.length === 0)) return [];
  return [...new Set([...left, ...right])];
}

function* filterSteps<T extends SpanFields>(predicate: Predicate, spans: readonly T[]): Generator<undefined, T[]> {
  const found: T[] = [];
  for (let i = 0; i < spans.length; i++) {
    if (predicate(spans[i])) found.push(spans[i]);
    if (i % spansPerStep === spansPerStep - 1) yield;
  }
  return found;
}

type CompiledSpansets =
  | { readonly type: 'spanset'; readonly predicate: Predicate }
  | { readonly type: 'both' | 'either'; readonly left: CompiledSpansets; readonly right: CompiledSpansets };

export function compileSpansets(expression: SpansetExpression): CompiledSpansets {
  if (expression.type === 'spanset') return { type: 'spanset', predicate: compilePredicate(expression.filter) };
  return { type: expression.type, left: compileSpansets(expression.left), right: compileSpansets(expression.right) };
}

type Read = (span: SpanFields) => Value;

const reader = (operand: Field | Literal): Read =>
  operand.type === 'literal' ? () => operand.value : (span) => span.field(operand);

const both =
  (left: Predicate, right: Predicate): Predicate =>
  (span) =>
    left(span) && right(span);

const either =
  (left: Predicate, right: Predicate): Predicate =>
  (span) =>
    left(span) || right(span);

const truth =
  (read: Read): Predicate =>
  (span) =>
    read(span) === true;

/** `!` of an attribute that is no boolean holds for no span, as nothing true or false was said of it. */
function negation(operand: Expression): Predicate {
  if (operand.type === 'attribute') return (span) => span.field(operand) === false;
  const inner = compilePredicate(operand);
  return (span) => !inner(span);
}

const isPresent = (value: Value): boolean => value !== undefined && !(Array.isArray(value) && value.length === 0);

/** `!=` and `!~` hold for a list where they hold for every element, the others where they hold for some (Tempo 3). */
function matching(field: Field, pattern: Pattern, negated: boolean): Predicate {
  const test = (value: Value): boolean => typeof value === 'string' && pattern.test(value) !== negated;
  return (span) => holds(span.field(field), negated, test);
}

function comparison(op: Operator, left: Read, right: Read): Predicate {
  const compare = comparators[op];
  return (span) => {
    const expected = right(span);
    return holds(left(span), op === '!=', (value) =>
      holds(expected, op === '!=', (other) => isComparable(value, other) && compare(value as number, other as number)),
    );
  };
}

function holds(value: Value, forEvery: boolean, test: (element: Value) => boolean): boolean {
  if (!Array.isArray(value)) return test(value);
  return forEvery ? value.length > 0 && value.every(test) : value.some(test);
}

/** Whether two values are of one kind; nothing, `!=` included, holds between kinds or for nil. */
function isComparable(left: Value, right: Value): boolean {
  if (left === undefined || right === undefined) return false;
  if (isNumeric(left)) return isNumeric(right);
  if (typeof left !== typeof right) return false;
  return typeof left !== 'object' || (left as { of?: string }).of === (right as { of?: string }).of;
}

const isNumeric = (value: Value): boolean => typeof value === 'number' || typeof value === 'bigint';

/**
 * Named for numbers, meant for every kind: JavaScript compares bigints with numbers by value, and strings by UTF-16
 * unit.
 */
const comparators: Record<Operator, (left: number, right: number) => boolean> = {
  // biome-ignore lint/suspicious/noDoubleEquals: 1 == 1n must hold; isComparable has seen to the types
  '=': (left, right) => left == right,
  // biome-ignore lint/suspicious/noDoubleEquals: as above
  '!=': (left, right) => left != right,
  '>': (left, right) => left > right && isOrdered(left),
  '>=': (left, right) => left >= right && isOrdered(left),
  '<': (left, right) => left < right && isOrdered(left),
  '<=': (left, right) => left <= right && isOrdered(left),
};

const isOrdered = (value: unknown): boolean => typeof value === 'string' || isNumeric(value as Value);
