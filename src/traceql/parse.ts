import type { Field, Query, SpansetExpression } from './ast.ts';
import { Cursor } from './cursor.ts';
import { parseExpression } from './expression.ts';
import { parseFieldHere, parseLiteral } from './operand.ts';

const structural = new Set('&>> &<< !>> !<< >> << !> !< &~ &> &< > < ~ !~'.split(' '));

/**
 * Parses the part of TraceQL this store runs: spansets joined by && and ||, `| select(…)`, and hints, which are read
 * and not obeyed. Throws TraceQLError. The language: Tempo, docs/sources/tempo/traceql and pkg/traceql/expr.y.
 */
export function parseQuery(text: string): Query {
  const at = new Cursor(text);
  const spansets = parseSpansets(at);
  const select: Field[] = [];
  while (at.skip('|')) select.push(...parseSelect(at));
  while (at.isWord('with')) parseHints(at);
  if (at.token.type !== 'end') throw at.unexpected(whatMayFollow(at));
  return { spansets, select };
}

/** A single field: `resource.service.name`, `.foo`, `status`. Throws TraceQLError. */
export function parseField(text: string): Field {
  const at = new Cursor(text);
  const field = parseFieldHere(at, 'a field such as resource.service.name, .http.route or status');
  if (at.token.type !== 'end') throw at.unexpected('nothing more');
  return field;
}

function parseSpansets(at: Cursor): SpansetExpression {
  let left = parseSpanset(at);
  for (;;) {
    if (at.skip('&&')) left = { type: 'both', left, right: parseSpanset(at) };
    else if (at.skip('||')) left = { type: 'either', left, right: parseSpanset(at) };
    else return left;
  }
}

function parseSpanset(at: Cursor): SpansetExpression {
  if (at.skip('(')) return at.inParentheses(() => parseSpansets(at));
  at.expect('{', '"{"');
  if (at.skip('}')) return { type: 'spanset', filter: { type: 'literal', value: true } };
  const filter = parseExpression(at);
  at.expect('}', '"&&", "||", a comparison or "}"');
  return { type: 'spanset', filter };
}

function whatMayFollow(at: Cursor): string {
  const known = '"&&", "||", "| select(…)" or the end of the query';
  return at.isSymbol(structural) ? `${known} (structural operators are not supported)` : known;
}

function parseSelect(at: Cursor): Field[] {
  if (!at.isWord('select')) throw at.unexpected('"select" (other stages of a pipeline are not supported)');
  at.take();
  at.expect('(', '"("');
  const fields = [parseFieldHere(at, 'a field')];
  while (at.skip(',')) fields.push(parseFieldHere(at, 'a field'));
  at.expect(')', '"," or ")"');
  return fields;
}

/** `with (most_recent=true)`: results are newest first anyway, so hints change nothing. */
function parseHints(at: Cursor): void {
  at.take();
  at.expect('(', '"("');
  do {
    if (at.token.type !== 'word') throw at.unexpected('the name of a hint');
    at.take();
    at.expect('=', '"="');
    parseLiteral(at, 'the value of a hint');
  } while (at.skip(','));
  at.expect(')', '"," or ")"');
}
