import { decodeRequest, type RequestObject, type SpanObject } from '../../support/otlp.ts';
import type { Answer } from './pair.ts';
import type { RouteQuestion } from './route-questions.ts';

/**
 * Compares two answers without what has no order and how an error is worded; undefined where both say the same. Searches
 * are compared by the traces they find: what they say of them is the other table's.
 */
export function routeDifference(question: RouteQuestion, tempo: Answer, ours: Answer): object | undefined {
  const [theirs, mine] = [tempo, ours].map((answer) => said(question, answer));
  if (theirs === mine) return undefined;
  const at = [...theirs].findIndex((character, i) => character !== mine[i]);
  const from = Math.max(0, at < 0 ? theirs.length - 40 : at - 40);
  return { tempo: theirs.slice(from, from + 200), ours: mine.slice(from, from + 200) };
}

function said({ path, parameters = {} }: RouteQuestion, { status, type, body }: Answer): string {
  if (status !== 200) return `${status}`;
  const text = body.toString();
  if (path.includes('/traces/')) return `200 ${type} ${JSON.stringify(traceIn(path, type, body))}`;
  if (!type.includes('json')) return `200 ${text}`;
  const { traces, tagNames, scopes, tagValues } = JSON.parse(text) as Listed;
  const lists = scopes?.filter(({ tags = [] }) => tags.length > 0).map(({ name, tags }) => [name, tags?.toSorted()]);
  const values = tagValues?.map((each) => JSON.stringify(each)).sort();
  // Which of them, is nobody's promise.
  if (['1', '2'].includes(parameters.limit) && traces === undefined)
    return JSON.stringify([
      tagNames?.length,
      lists?.map(([name, tags]) => [name, tags?.length]).sort(),
      values?.length,
    ]);
  const found = traces?.map(({ traceID }) => traceID).sort();
  // A resource without a service has an empty one in Tempo, and none here.
  const listed = path.includes('service.name')
    ? values?.filter((each) => each !== '""' && each !== '{"type":"string"}')
    : values;
  return JSON.stringify([found, tagNames?.toSorted(), lists?.sort(), listed]);
}

/** A value that only one of them lists for a question with a filter, and who. */
export interface Doubt {
  readonly inTempo: boolean;
  readonly type: string;
  readonly value: string;
}

/** Tempo lists values by columns that it passes over, and its search knows better: what it must say of each. */
export function doubts(tempo: Answer, ours: Answer): readonly Doubt[] {
  const [theirs, mine] = [tempo, ours].map(({ body }) => (JSON.parse(body.toString()) as Listed).tagValues ?? []);
  const without = (these: readonly TypedValue[], those: readonly TypedValue[], inTempo: boolean): Doubt[] => {
    const known = new Set(those.map((each) => JSON.stringify(each)));
    return these
      .filter((each) => !known.has(JSON.stringify(each)))
      .map(({ type, value = '' }) => ({ inTempo, type, value }));
  };
  return [...without(theirs, mine, true), ...without(mine, theirs, false)];
}

interface TypedValue {
  readonly type: string;
  readonly value?: string;
}

interface Listed {
  readonly traces?: readonly { readonly traceID: string }[];
  readonly tagNames?: readonly string[];
  readonly scopes?: readonly { readonly name: string; readonly tags?: readonly string[] }[];
  readonly tagValues?: readonly TypedValue[];
}

type JsonTrace = RequestObject & { batches?: RequestObject['resourceSpans'] };

/** The spans of a trace with what surrounds them, each as a text, in one order, whatever the form it came in. */
function traceIn(path: string, type: string, body: Buffer): readonly string[] {
  const isV2 = path.includes('/v2/');
  if (type.includes('protobuf')) return spansOf(decodeRequest(isV2 ? firstField(body) : body));
  const json = JSON.parse(body.toString());
  const trace = (isV2 ? json.trace : json) as JsonTrace;
  return spansOf({ resourceSpans: trace.batches ?? trace.resourceSpans ?? [] });
}

const spansOf = ({ resourceSpans = [] }: RequestObject): string[] =>
  resourceSpans
    .flatMap(({ resource, scopeSpans = [] }) =>
      scopeSpans.flatMap(({ scope, spans = [] }) => spans.map((span) => told(resource, scope, span))),
    )
    .sort();

/** Tempo tells another id for a server's span that shares its client's. */
function told(resource: object | undefined, scope: object | undefined, { flags, ...span }: SpanObject): string {
  const { spanId, parentSpanId, ...rest } = span;
  return JSON.stringify([full(resource), full(scope), full(rest)]);
}

/** Tempo keeps columns: attributes come in another order, long texts cut, what is empty not at all, and no flags. */
function full(value: unknown): unknown {
  if (typeof value === 'string') return value.slice(0, 2048) || undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const some = value.map(full).filter((each) => each !== undefined);
    return some.length === 0 ? undefined : some.sort(byText);
  }
  const some = Object.entries(value)
    .map(([key, each]) => [key, full(each)] as const)
    .filter(([, each]) => each !== undefined);
  const isNothing = some.length === 0 || (some.length === 1 && some[0][0] === 'key');
  return isNothing ? undefined : Object.fromEntries(some.sort(byText));
}

const byText = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

/** tempopb.TraceByIDResponse, whose field 1 is the trace. */
function firstField(body: Buffer): Buffer {
  if (body[0] !== 0x0a) return Buffer.alloc(0);
  let [length, at, shift] = [0, 1, 0];
  for (; ; shift += 7) {
    const byte = body[at++];
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return body.subarray(at, at + length);
  }
}
