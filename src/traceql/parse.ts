import { compileTogether } from '../regex/regex.ts';
import type { Field, Query, RelatedSpansets, Relation, SpansetExpression, Stage } from './ast.ts';
import { balanced } from './balanced.ts';
import { isCondition } from './check.ts';
import { Cursor } from './cursor.ts';
import { parseExpression } from './expression.ts';
import { parseFieldHere, parseLiteral } from './operand.ts';
import { parseStage, startsSpanset } from './stages.ts';

const relations: Readonly<Record<string, Relation>> = {
  '>': 'child',
  '<': 'parent',
  '>>': 'descendant',
  '<<': 'ancestor',
  '~': 'sibling',
};
const structural = new Set(Object.keys(relations).flatMap((op) => [op, `!${op}`, `&${op}`]));
const mostInARow = 100;

/**
 * Parses TraceQL but for its metrics: spansets, structural operators, pipelines, and hints, which are read and not
 * obeyed. Throws TraceQLError. The language: Tempo, docs/sources/tempo/traceql and pkg/traceql/expr.y.
 */
export function parseQuery(text: string): Query {
  // A pattern of 20 bytes may take milliseconds to compile, and a query have thousands of them.
  return compileTogether(() => parseHere(new Cursor(text)));
}

function parseHere(at: Cursor): Query {
  const spansets = parsePipeline(at);
  while (at.isWord('with')) parseHints(at);
  if (at.token.type !== 'end') throw at.unexpected('"&&", "||", "|" or the end of the query');
  return { spansets, select: selectedBy(spansets) };
}

/** A single field: `resource.service.name`, `.foo`, `status`. Throws TraceQLError. */
export function parseField(text: string): Field {
  const at = new Cursor(text);
  const field = parseFieldHere(at, 'a field such as resource.service.name, .http.route or status');
  if (at.token.type !== 'end') throw at.unexpected('nothing more');
  return field;
}

function parsePipeline(at: Cursor): SpansetExpression {
  const stages: Stage[] = [parseFirstStage(at)];
  while (at.skip('|')) {
    if (stages.length > mostInARow) throw at.error(`more than ${mostInARow} stages`);
    stages.push(startsSpanset(at) ? parseSpansets(at) : parseStage(at));
  }
  const [first] = stages;
  return stages.length === 1 && isSpansets(first) ? first : { type: 'pipeline', stages };
}

/** A pipeline that begins with another stage begins with all spans. */
const parseFirstStage = (at: Cursor): Stage =>
  at.token.type === 'word' && at.token.text !== 'with' ? parseStage(at) : parseSpansets(at);

const isSpansets = (stage: Stage): stage is SpansetExpression =>
  stage.type !== 'aggregate' && stage.type !== 'by' && stage.type !== 'coalesce' && stage.type !== 'select';

/** && and || have one precedence and group to the left; structural operators bind tighter. */
function parseSpansets(at: Cursor): SpansetExpression {
  let left = parseRelated(at);
  for (let changes = 0; at.isSymbol(joins); changes++) {
    if (changes > mostInARow) throw at.error(`"&&" and "||" change more than ${mostInARow} times: use parentheses`);
    const op = at.token.text;
    const run = [left];
    while (at.skip(op)) run.push(parseRelated(at));
    const type = op === '&&' ? 'both' : 'either';
    left = balanced(run, (a, b): SpansetExpression => ({ type, left: a, right: b }));
  }
  return left;
}

const joins = new Set(['&&', '||']);

function parseRelated(at: Cursor): SpansetExpression {
  let left = parseSpanset(at);
  for (let row = 0; at.isSymbol(structural); row++) {
    if (row > mostInARow) throw at.error(`more than ${mostInARow} structural operators in a row`);
    const { text } = at.take();
    left = { type: 'related', ...relationOf(text), left, right: parseSpanset(at) };
  }
  return left;
}

function relationOf(operator: string): Pick<RelatedSpansets, 'relation' | 'gives'> {
  if (operator in relations) return { relation: relations[operator]!, gives: 'right' };
  return { relation: relations[operator.slice(1)]!, gives: operator[0] === '!' ? 'unrelated' : 'both' };
}

function parseSpanset(at: Cursor): SpansetExpression {
  if (at.skip('(')) return at.inParentheses(() => parsePipeline(at), '"&&", "||", "|" or ")"');
  at.expect('{', '"{"');
  if (at.skip('}')) return { type: 'spanset', filter: { type: 'literal', value: true } };
  const { position } = at.token;
  const filter = parseExpression(at);
  at.expect('}', '"&&", "||", a comparison or "}"');
  if (!isCondition(filter)) throw at.error('expected a condition, found a bare value', position);
  return { type: 'spanset', filter };
}

function selectedBy(spansets: SpansetExpression): Field[] {
  if (spansets.type === 'spanset') return [];
  if (spansets.type !== 'pipeline') return [...selectedBy(spansets.left), ...selectedBy(spansets.right)];
  return spansets.stages.flatMap((stage) =>
    isSpansets(stage) ? selectedBy(stage) : stage.type === 'select' ? stage.fields : [],
  );
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
