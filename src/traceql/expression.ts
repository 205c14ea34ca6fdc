import type { Arithmetic, Expression, Operator } from './ast.ts';
import { balanced } from './balanced.ts';
import { operatorError, prefixError, typeOf } from './check.ts';
import type { Cursor } from './cursor.ts';
import type { Token } from './lexer.ts';
import { parseOperand } from './operand.ts';
import { compilePattern } from './regex.ts';

/** How tightly each operator binds, as in Tempo's expr.y; `!` and `-` before an operand stand between 3 and 5. */
const strengths: Readonly<Record<string, number>> = {
  '&&': 1,
  '||': 1,
  '=': 2,
  '!=': 2,
  '<': 2,
  '<=': 2,
  '>': 2,
  '>=': 2,
  '=~': 2,
  '!~': 2,
  '+': 3,
  '-': 3,
  '*': 5,
  '/': 5,
  '%': 5,
  '^': 6,
};
const behindPrefix = 5;
/** Operators of one strength become as deep a tree as there are of them. */
const mostInARow = 200;

/** What stands between the braces, or in the parentheses of a stage. */
export function parseExpression(at: Cursor): Expression {
  let left = parseFrom(at, 2);
  for (let changes = 0; strengthHere(at) === 1; changes++) {
    if (changes > mostInARow) throw at.error(`"&&" and "||" change more than ${mostInARow} times: use parentheses`);
    left = parseRun(at, left);
  }
  return left;
}

/** `a && b && c`: as many as a query has room for, in a tree that is no deeper for it. */
function parseRun(at: Cursor, first: Expression): Expression {
  const { text } = at.token;
  const run = [first];
  while (at.token.type === 'symbol' && at.token.text === text) {
    const operator = at.take();
    const right = parseFrom(at, 2);
    check(at, operator, run.at(-1)!, right);
    run.push(right);
  }
  const type = text === '&&' ? 'and' : 'or';
  return balanced(run, (left, right) => ({ type, left, right }));
}

const strengthHere = ({ token }: Cursor): number => (token.type === 'symbol' ? (strengths[token.text] ?? 0) : 0);

/** Operators that bind at least so tightly. */
function parseFrom(at: Cursor, least: number): Expression {
  let left = parsePrefix(at);
  for (let row = 0; strengthHere(at) >= least; row++) {
    if (row > mostInARow) throw at.error(`more than ${mostInARow} operators in a row`);
    const operator = at.take();
    const strength = strengths[operator.text]!;
    if (at.isWord('nil')) left = existence(at, left, operator);
    else if (operator.text === '=~' || operator.text === '!~') left = parseMatch(at, left, operator);
    // A power binds to the right.
    else
      left = joined(
        at,
        left,
        operator,
        at.nested(() => parseFrom(at, operator.text === '^' ? strength : strength + 1)),
      );
  }
  return left;
}

function parsePrefix(at: Cursor): Expression {
  const { token } = at;
  if (at.skip('(')) return at.inParentheses(() => parseExpression(at));
  if (at.isWord('nil')) return parseNilFirst(at);
  const op = at.skip('!') ? '!' : at.skip('-') ? '-' : undefined;
  if (op === undefined) return parseOperand(at);
  const operand = at.nested(() => parseFrom(at, behindPrefix));
  const error = prefixError(op, typeOf(operand));
  if (error !== undefined) throw at.error(error, token.position);
  if (op === '!') return { type: 'not', operand };
  if (operand.type !== 'literal') return { type: 'negate', operand };
  return { ...operand, value: -(operand.value as number) };
}

function check(at: Cursor, { text, position }: Token, left: Expression, right: Expression): void {
  const error = operatorError(text, typeOf(left), typeOf(right));
  if (error !== undefined) throw at.error(error, position);
}

const flipped: Record<Operator, Operator> = { '=': '=', '!=': '!=', '>': '<', '>=': '<=', '<': '>', '<=': '>=' };

function joined(at: Cursor, left: Expression, operator: Token, right: Expression): Expression {
  check(at, operator, left, right);
  if (strengths[operator.text] !== 2) {
    return { type: 'arithmetic', op: operator.text as Arithmetic['op'], left, right };
  }
  const op = operator.text as Operator;
  const isTurned = left.type === 'literal' && right.type !== 'literal';
  return isTurned
    ? { type: 'compare', op: flipped[op], left: right, right: left }
    : { type: 'compare', op, left, right };
}

function parseMatch(at: Cursor, operand: Expression, operator: Token): Expression {
  const { token } = at;
  const right = parseOperand(at);
  check(at, operator, operand, right);
  if (right.type !== 'literal' || typeof right.value !== 'string') {
    throw at.error('expected a regular expression in quotes', token.position);
  }
  try {
    return { type: 'match', operand, pattern: compilePattern(right.value), negated: operator.text === '!~' };
  } catch (reason) {
    throw at.error(`invalid regular expression: ${(reason as Error).message}`, token.position);
  }
}

/** Tempo 2 has no `= nil`; of two nils it says that neither `=` nor `!=` holds. */
function parseNilFirst(at: Cursor): Expression {
  at.take();
  if (!at.isSymbol(equalities)) throw at.unexpected('"=" or "!=" after nil');
  const operator = at.take();
  if (!at.isWord('nil')) return exists(parseFrom(at, 3), operator);
  at.take();
  return { type: 'literal', value: false };
}

const equalities = new Set(['=', '!=']);

function existence(at: Cursor, operand: Expression, operator: Token): Expression {
  at.take();
  if (!equalities.has(operator.text)) throw at.error('nil is compared by = or !=', operator.position);
  return exists(operand, operator);
}

const exists = (operand: Expression, { text }: Token): Expression => ({
  type: 'exists',
  operand,
  wanted: text === '!=',
});
