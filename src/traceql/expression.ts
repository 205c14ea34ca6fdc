import type { Expression, Field, Literal, Operator } from './ast.ts';
import { comparisonError, isCondition, typeOf } from './check.ts';
import type { Cursor } from './cursor.ts';
import type { Token } from './lexer.ts';
import { parseOperand } from './operand.ts';
import { compilePattern } from './regex.ts';

const comparisons = new Set(['=', '!=', '>', '>=', '<', '<=', '=~', '!~']);
const joins = new Set(['&&', '||']);
const flipped: Record<Operator, Operator> = { '=': '=', '!=': '!=', '>': '<', '>=': '<=', '<': '>', '<=': '>=' };

/** What stands between the braces. && and || have one precedence and group to the left, as in Tempo's expr.y. */
export function parseExpression(at: Cursor): Expression {
  let left = parseCondition(at);
  while (at.isSymbol(joins)) {
    const type = at.take().text === '&&' ? 'and' : 'or';
    left = { type, left, right: parseCondition(at) };
  }
  return left;
}

function parseCondition(at: Cursor): Expression {
  const { position } = at.token;
  const expression = at.skip('!') ? parseNegation(at) : at.skip('(') ? parseGroup(at) : parseComparison(at);
  if (!isCondition(expression)) throw at.error('expected a condition, found a bare value', position);
  return expression;
}

function parseGroup(at: Cursor): Expression {
  const inner = at.inParentheses(() => parseExpression(at));
  if (at.isSymbol(comparisons)) throw at.unexpected('"&&", "||" or "}" after a condition');
  return inner;
}

function parseNegation(at: Cursor): Expression {
  const operand = parseNegated(at);
  if (at.isSymbol(comparisons)) throw at.unexpected('parentheses round what "!" negates, as in !(span.a = 1)');
  if (!isCondition(operand)) throw at.unexpected('a condition after "!"');
  return { type: 'not', operand };
}

function parseNegated(at: Cursor): Expression {
  if (at.skip('(')) return at.inParentheses(() => parseExpression(at));
  return at.skip('!') ? at.nested(() => parseNegation(at)) : parseOperand(at);
}

function parseComparison(at: Cursor): Expression {
  if (at.isWord('nil')) return parseNilFirst(at);
  const left = parseOperand(at);
  if (!at.isSymbol(comparisons)) return left;
  const operator = at.take();
  if (operator.text === '=~' || operator.text === '!~') return parseMatch(at, left, operator);
  if (!at.isWord('nil')) return compare(at, left, operator, parseOperand(at));
  at.take();
  return existence(at, left, operator);
}

function compare(at: Cursor, left: Field | Literal, { text, position }: Token, right: Field | Literal): Expression {
  const op = text as Operator;
  const error = comparisonError(op, typeOf(left), typeOf(right));
  if (error !== undefined) throw at.error(error, position);
  const isTurned = left.type === 'literal' && right.type !== 'literal';
  return isTurned
    ? { type: 'compare', op: flipped[op], left: right, right: left }
    : { type: 'compare', op, left, right };
}

function parseMatch(at: Cursor, field: Field | Literal, { text, position }: Token): Expression {
  if (field.type === 'literal') throw at.error(`expected a field before "${text}"`, position);
  const error = comparisonError('=', typeOf(field), 'string');
  if (error !== undefined) throw at.error(error, position);
  if (at.token.type !== 'string') throw at.unexpected('a regular expression in quotes');
  try {
    const pattern = compilePattern(at.token.value);
    at.take();
    return { type: 'match', field, pattern, negated: text === '!~' };
  } catch (reason) {
    throw at.error(`invalid regular expression: ${(reason as Error).message}`);
  }
}

function parseNilFirst(at: Cursor): Expression {
  at.take();
  if (!at.isSymbol(equalities)) throw at.unexpected('"=" or "!=" after nil');
  const operator = at.take();
  if (at.isWord('nil')) throw at.unexpected('a field');
  return existence(at, parseOperand(at), operator);
}

const equalities = new Set(['=', '!=']);

function existence(at: Cursor, field: Field | Literal, { text, position }: Token): Expression {
  if (field.type === 'literal' || !equalities.has(text)) {
    throw at.error('nil is compared with a field, by = or !=', position);
  }
  return { type: 'exists', field, wanted: text === '!=' };
}
