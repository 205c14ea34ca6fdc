import type { Expression, Field, Literal, Operator, Query, SpansetExpression } from '../traceql/ast.ts';
import { statuses } from '../traceql/ast.ts';
import { parseDuration } from '../traceql/duration.ts';
import { TraceQLError } from '../traceql/error.ts';
import { parseQuery } from '../traceql/parse.ts';
import { BadRequest } from './bad-request.ts';
import type { TimeWindow } from './candidates.ts';
import { parseLogfmt } from './logfmt.ts';
import { plainTag } from './plain-tag.ts';

/** /api/search, parsed. Defaults and limits are Tempo's (pkg/api/http.go, modules/frontend). */
interface SearchRequest {
  readonly query: Query;
  /** Whether it came as TraceQL, which is answered with spans, or as tags. */
  readonly isTraceQL: boolean;
  readonly window: TimeWindow;
  readonly limit: number;
  readonly spansPerSpanSet: number;
}

const maxQueryBytes = 128 * 1024;
const reserved = new Set('q tags minDuration maxDuration limit start end spss'.split(' '));

/** Throws BadRequest or TraceQLError. */
export function parseSearchRequest(params: URLSearchParams): SearchRequest {
  const q = params.get('q') ?? '';
  const tags = params.get('tags') ?? '';
  if (q !== '' && tags !== '') throw new BadRequest("invalid request: can't specify tags and q in the same query");
  if (Buffer.byteLength(q) > maxQueryBytes) throw new BadRequest(`query of more than ${maxQueryBytes} bytes`);
  const query = q === '' ? tagQuery(tags === '' ? looseTags(params) : parseLogfmt(tags)) : readQuery(q);
  return {
    query: { ...query, spansets: withDurations(query.spansets, params) },
    isTraceQL: q !== '',
    window: parseWindow(params),
    limit: positive(params, 'limit', 20, 262_144),
    spansPerSpanSet: positive(params, 'spss', 3, 100),
  };
}

function readQuery(q: string): Query {
  try {
    return parseQuery(q);
  } catch (error) {
    throw error instanceof TraceQLError ? new BadRequest(`invalid TraceQL query: ${error.message}`) : error;
  }
}

/** `start` and `end` in Unix seconds, one of them or both; all of time where neither is given. Throws BadRequest. */
export function parseWindow(params: URLSearchParams): TimeWindow {
  const start = seconds(params, 'start');
  const end = seconds(params, 'end');
  if (end !== 0 && end <= start) {
    throw new BadRequest(`http parameter start must be before end. received start=${start} end=${end}`);
  }
  return { fromMs: start * 1000, toMs: end === 0 ? Number.MAX_SAFE_INTEGER : end * 1000 };
}

const modes = new Set(['', 'all', 'ingesters', 'blocks']);

/** Of a trace by its id: times and places are for Tempo to look in fewer places, and the store has one. Throws BadRequest. */
export function checkTraceParameters(params: URLSearchParams): void {
  parseWindow(params);
  const mode = params.get('mode') ?? '';
  if (!modes.has(mode)) throw new BadRequest(`invalid value for mode ${mode.slice(0, 40)}`);
}

/** 32 bits, as in Tempo: what is longer is milliseconds by mistake. */
function seconds(params: URLSearchParams, name: string): number {
  const text = params.get(name) ?? '';
  const value = Number(text);
  if (text !== '' && !(/^\+?\d+$/.test(text) && value < 2 ** 31))
    throw new BadRequest(`invalid ${name}: expected Unix seconds, got "${text.slice(0, 40)}"`);
  return value;
}

function positive(params: URLSearchParams, name: string, otherwise: number, max: number): number {
  const text = params.get(name) ?? '';
  if (text === '') return otherwise;
  const value = /^\d+$/.test(text) ? Number(text) : 0;
  if (value < 1) throw new BadRequest(`invalid ${name}: must be a positive number`);
  if (value > max) throw new BadRequest(`${name} ${value} exceeds the maximum of ${max}`);
  return value;
}

/** Before `tags` there was one parameter a tag; Tempo still takes them where no start and end are given. */
function looseTags(params: URLSearchParams): Map<string, string> {
  const timed = params.has('start') || params.has('end');
  return new Map(timed ? [] : [...params].filter(([name, value]) => !reserved.has(name) && value !== ''));
}

function withDurations(spansets: SpansetExpression, params: URLSearchParams): SpansetExpression {
  const min = duration(params, 'minDuration');
  const max = duration(params, 'maxDuration');
  if (min > 0 && max > 0 && min > max) throw new BadRequest('invalid maxDuration: must be greater than minDuration');
  const bounded = min > 0 ? also(spansets, bound('>=', min)) : spansets;
  return max > 0 ? also(bounded, bound('<=', max)) : bounded;
}

function duration(params: URLSearchParams, name: string): number {
  const text = params.get(name) ?? '';
  const value = text === '' ? 0 : parseDuration(text);
  if (value === undefined)
    throw new BadRequest(`invalid ${name}: expected a duration such as 500ms or 1m30s, got "${text}"`);
  return value;
}

const bound = (op: Operator, ns: number): Expression => compare({ type: 'intrinsic', name: 'traceDuration' }, op, ns);

/** Puts one more condition into every spanset, so that the spans shown stay those the query is about. */
function also(node: SpansetExpression, condition: Expression): SpansetExpression {
  if (node.type === 'spanset') return { type: 'spanset', filter: { type: 'and', left: node.filter, right: condition } };
  if (node.type !== 'pipeline')
    return { ...node, left: also(node.left, condition), right: also(node.right, condition) };
  return { type: 'pipeline', stages: [{ type: 'spanset', filter: condition }, ...node.stages] };
}

/** Tags may hold on different spans of a trace. */
function tagQuery(tags: Map<string, string>): Query {
  const spansets = [...tags].map(
    ([tag, value]): SpansetExpression => ({ type: 'spanset', filter: tagCondition(tag, value) }),
  );
  const everything: SpansetExpression = { type: 'spanset', filter: { type: 'literal', value: true } };
  const joined = spansets.reduce((left, right) => ({ type: 'both', left, right }), everything);
  return { spansets: spansets.length === 1 ? spansets[0] : joined, select: [] };
}

/** Texts are matched in part, whatever their case; numbers and booleans in full. */
function tagCondition(tag: string, value: string): Expression {
  const status = statuses.find(({ name }) => name === value);
  if (tag === 'status.code' && status !== undefined) return compare({ type: 'intrinsic', name: 'status' }, '=', status);
  if (tag === 'error' && value === 'true') return compare({ type: 'intrinsic', name: 'status' }, '=', statuses[2]);
  const field = plainTag(tag);
  if (field.type === 'intrinsic' || field.scope !== 'any') return fieldCondition(field, value);
  // What a span says does not hide what its resource says.
  const [left, right] = (['span', 'resource'] as const).map((scope) => fieldCondition({ ...field, scope }, value));
  return { type: 'or', left, right };
}

function fieldCondition(field: Field, value: string): Expression {
  const text: Expression = { type: 'match', operand: field, pattern: containing(value), negated: false };
  const scalar = value === 'true' || value === 'false' ? value === 'true' : value === '' ? Number.NaN : Number(value);
  if (field.type === 'intrinsic' || Number.isNaN(scalar)) return text;
  return { type: 'or', left: text, right: compare(field, '=', scalar) };
}

const compare = (left: Field, op: Operator, value: Literal['value']): Expression => ({
  type: 'compare',
  op,
  left,
  right: { type: 'literal', value },
});

function containing(part: string) {
  const wanted = part.toLowerCase();
  return { source: part, literals: undefined, test: (text: string) => text.toLowerCase().includes(wanted) };
}
