import type { AggregateFunction, Expression, Field, Operator, Stage } from './ast.ts';
import { asksSpan, isNumber, operatorError, typeOf } from './check.ts';
import type { Cursor } from './cursor.ts';
import { parseExpression } from './expression.ts';
import { metricsFunctions } from './names.ts';
import { parseFieldHere, parseLiteral } from './operand.ts';
import { textOf } from './write.ts';

const aggregates = new Set<string>(['count', 'min', 'max', 'avg', 'sum']);
const comparisons = new Set(['=', '!=', '>', '>=', '<', '<=']);

export const startsSpanset = (at: Cursor): boolean => at.token.type === 'symbol' && at.token.text !== '-';

/** `count() > 3`, `by(kind)`, `coalesce()` or `select(name)`. */
export function parseStage(at: Cursor): Stage {
  const { type, text } = at.token;
  if (type === 'word' && metricsFunctions.has(text)) {
    throw at.error(`${text}() makes a metric of spans, which this store does not: it finds traces`);
  }
  if (type === 'word' && aggregates.has(text)) return parseAggregate(at);
  if (at.isWord('by')) return parseGroup(at);
  if (at.isWord('select')) return { type: 'select', fields: parseSelect(at) };
  if (!at.isWord('coalesce'))
    throw at.unexpected('"{", count(), avg(…), min(…), max(…), sum(…), by(…), coalesce() or select(…)');
  at.take();
  at.expect('(', '"("');
  at.expect(')', '")"');
  return { type: 'coalesce' };
}

function parseAggregate(at: Cursor): Stage {
  const name = at.take().text as AggregateFunction;
  at.expect('(', '"("');
  const operand = name === 'count' ? undefined : parseAggregated(at, name);
  at.expect(')', '")"');
  if (!at.isSymbol(comparisons)) throw at.unexpected(`a comparison with a number after ${name}(…), as in count() > 3`);
  const operator = at.take();
  const literal = parseLiteral(at, 'a number or a duration');
  const error = operatorError(operator.text, operand === undefined ? 'number' : typeOf(operand), typeOf(literal));
  if (error !== undefined) throw at.error(error, operator.position);
  const { value } = literal;
  if (typeof value !== 'number' && typeof value !== 'bigint') throw at.error(`${name}() is compared with a number`);
  const op = operator.text as Operator;
  return { type: 'aggregate', function: name, operand, op, value, text: `${name}(${operand ? textOf(operand) : ''})` };
}

function parseAggregated(at: Cursor, name: string): Expression {
  const { position } = at.token;
  const operand = parseExpression(at);
  if (!isNumber(operand)) throw at.error(`${name}(…) is of numbers, and this is a ${typeOf(operand)}`, position);
  if (!asksSpan(operand)) throw at.error(`${name}(…) needs a field of the span`, position);
  return operand;
}

function parseGroup(at: Cursor): Stage {
  at.take();
  at.expect('(', '"("');
  const { position } = at.token;
  const expression = parseExpression(at);
  if (!asksSpan(expression)) throw at.error('by(…) needs a field of the span', position);
  at.expect(')', '")"');
  return { type: 'by', expression, text: `by(${textOf(expression)})` };
}

function parseSelect(at: Cursor): Field[] {
  at.take();
  at.expect('(', '"("');
  const fields = [parseFieldHere(at, 'a field')];
  while (at.skip(',')) fields.push(parseFieldHere(at, 'a field'));
  at.expect(')', '"," or ")"');
  return fields;
}
