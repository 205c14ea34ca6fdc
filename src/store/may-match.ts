import type { Expression, Field, Operator, SpansetExpression, Value } from '../traceql/ast.ts';
import { statuses } from '../traceql/ast.ts';
import { isSpansets } from '../traceql/evaluate.ts';
import { type Digest, somePart } from './digest.ts';
import { soughtName, soughtValue } from './sought-terms.ts';

type Test = (part: Digest) => boolean;
const always: Test = () => true;

/** Compiles a query to a first look at a trace's digest: false only where no span of it can match. */
export function compileMayMatch(expression: SpansetExpression): (digest: Uint8Array) => boolean {
  if (expression.type === 'spanset') {
    const test = testOf(expression.filter);
    return test === always ? () => true : (digest) => somePart(digest, test);
  }
  if (expression.type === 'pipeline') {
    const stages = expression.stages.filter(isSpansets).map(compileMayMatch);
    return (digest) => stages.every((mayMatch) => mayMatch(digest));
  }
  const left = compileMayMatch(expression.left);
  const right = compileMayMatch(expression.right);
  // A structural operator needs spans on both sides, whatever it gives.
  return expression.type === 'either' ? (d) => left(d) || right(d) : (d) => left(d) && right(d);
}

function testOf(expression: Expression): Test {
  switch (expression.type) {
    case 'and':
      return allOf(testOf(expression.left), testOf(expression.right));
    case 'or':
      return anyOf([testOf(expression.left), testOf(expression.right)]);
    case 'match':
      return matching(expression);
    case 'compare':
      return expression.right.type === 'literal' && isField(expression.left)
        ? comparison(expression.left, expression.op, expression.right.value)
        : always;
    default:
      return always;
  }
}

/** A longer list is no first look: each of them is asked of each part. */
const mostLiterals = 1000;

function matching({ operand, pattern: { literals }, negated }: Expression & { type: 'match' }): Test {
  if (negated || literals === undefined || literals.length > mostLiterals || !isField(operand)) return always;
  return anyOf(literals.map((text) => equality(operand, text)));
}

const isField = (expression: Expression): expression is Field =>
  expression.type === 'attribute' || expression.type === 'intrinsic';

function allOf(left: Test, right: Test): Test {
  if (left === always) return right;
  return right === always ? left : (part) => left(part) && right(part);
}

function anyOf(tests: readonly Test[]): Test {
  return tests.includes(always) ? always : (part) => tests.some((test) => test(part));
}

function comparison(field: Field, op: Operator, value: Value): Test {
  if (op === '=') return equality(field, value);
  const isLonger = field.type === 'intrinsic' && field.name === 'duration' && (op === '>' || op === '>=');
  return isLonger ? longerThan(Number(value)) : always;
}

/** The digest's durations come of doubles that are off by up to 256 ns each. */
const longerThan =
  (ns: number): Test =>
  (part) =>
    part.longestNs + 1024 >= ns;

function equality(field: Field, value: Value): Test {
  if (field.type === 'intrinsic') return intrinsicEquality(field.name, value);
  if (typeof value === 'object' || value === undefined || isMended(value) || isMended(field.key)) return always;
  if (value === '' && field.key === 'service.name') return always;
  if (field.scope === 'any') {
    const terms = [soughtValue('span', field.key, value), soughtValue('resource', field.key, value)];
    return (part) => terms.some((term) => part.has(term));
  }
  if (field.scope !== 'span' && field.scope !== 'resource') return always;
  const term = soughtValue(field.scope, field.key, value);
  return (part) => part.has(term);
}

/** What is no UTF-8 is read as this sign; its term is of the bytes that came. */
const isMended = (value: Value): boolean => typeof value === 'string' && value.includes('\ufffd');

function intrinsicEquality(name: string, value: Value): Test {
  if (name === 'status' && value === statuses[2]) return (part) => part.errors > 0;
  if (name === 'duration' && typeof value !== 'string') return longerThan(Number(value));
  if (name !== 'name' || typeof value !== 'string' || isMended(value)) return always;
  const term = soughtName(value);
  return (part) => part.has(term);
}
