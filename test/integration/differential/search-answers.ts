import type { Answer } from './pair.ts';

interface Attribute {
  readonly key: string;
  readonly value: unknown;
}
interface Span {
  readonly spanID: string;
  readonly name?: string | undefined;
  readonly attributes?: readonly Attribute[];
}
interface SpanSet {
  readonly spans?: readonly Span[];
  readonly matched?: number;
  readonly attributes?: readonly Attribute[];
}
interface Trace {
  readonly traceID: string;
  readonly spanSet?: SpanSet;
  readonly spanSets?: readonly SpanSet[];
}

/** How far two answers agree. */
export type Level = 'status' | 'traces' | 'spans' | 'content';

export interface Difference {
  readonly level: Level;
  /** One example. */
  readonly tempo: string;
  readonly ours: string;
}

/** Tempo shows at most so many spans of a trace, whichever it likes; all of them are counted. */
const mostShown = 100;

/** Compares two answers of /api/search: order is nobody’s promise, and neither is what an error says. */
export function searchDifference(tempo: Answer, ours: Answer): Difference | undefined {
  const statuses = [tempo, ours].map(({ status, body }) => (status === 200 ? '200' : `${status} ${body}`.trim()));
  if (tempo.status !== ours.status) return { level: 'status', tempo: statuses[0], ours: statuses[1] };
  if (tempo.status !== 200) return undefined;
  const both = withoutMoreNames(tracesOf(tempo.body), tracesOf(ours.body));
  for (const [level, say] of levels) {
    const [theirs, mine] = both.map((traces) => traces.map(say).sort());
    const [here, there] = [new Set(theirs), new Set(mine)];
    const [lacks, has] = [theirs.filter((each) => !there.has(each)), mine.filter((each) => !here.has(each))];
    if (lacks.length + has.length > 0)
      return {
        level,
        tempo: `${theirs.length} traces, ${lacks.length} alone: ${lacks[0] ?? ''}`,
        ours: `${mine.length} traces, ${has.length} alone: ${has[0] ?? ''}`,
      };
  }
  return undefined;
}

/**
 * Tempo shows a span’s name where the query asks for it, we always: where Tempo has none, ours is left out of what is
 * compared.
 */
function withoutMoreNames(theirs: readonly Trace[], mine: readonly Trace[]): readonly (readonly Trace[])[] {
  const named = new Set(theirs.flatMap(spansIn).flatMap((span) => (span.name === undefined ? [] : span.spanID)));
  const bare = (span: Span): Span => (named.has(span.spanID) ? span : { ...span, name: undefined });
  const bareSets = (sets: readonly SpanSet[] = []) =>
    sets.map((set) => ({ ...set, spans: (set.spans ?? []).map(bare) }));
  return [theirs, mine.map((trace) => ({ ...trace, spanSets: bareSets(trace.spanSets) }))];
}

const spansIn = ({ spanSets = [] }: Trace): readonly Span[] => spanSets.flatMap(({ spans = [] }) => spans);

const tracesOf = (body: Buffer): readonly Trace[] => (JSON.parse(body.toString()) as { traces?: Trace[] }).traces ?? [];

const levels: readonly (readonly [Level, (trace: Trace) => string])[] = [
  ['traces', ({ traceID }) => traceID],
  ['spans', (trace) => JSON.stringify([trace.traceID, (trace.spanSets ?? []).map(spansOf).sort()])],
  ['content', (trace) => JSON.stringify(sorted(trace))],
];

const spansOf = ({ matched = 0, spans = [] }: SpanSet): string =>
  JSON.stringify([matched, matched > mostShown ? [] : spans.map(({ spanID }) => spanID).sort()]);

/** What has no order sorted, and the spans that Tempo chose left out where it did not show all. */
function sorted(trace: Trace): object {
  const { spanSet, spanSets = [], ...rest } = trace;
  const sets = spanSets.map((set) => sortedSet(set)).sort(byText);
  return { ...(sortedKeys(rest) as object), spanSets: sets, hasSpanSet: spanSet !== undefined };
}

function sortedSet({ spans = [], matched = 0, attributes = [] }: SpanSet): object {
  const shown = matched > mostShown ? [] : spans;
  return {
    matched,
    attributes: attributes.map(sortedKeys).sort(byText),
    spans: shown
      .map(({ attributes: fields = [], ...span }) => ({
        ...(sortedKeys(span) as object),
        attributes: fields.map(sortedKeys).sort(byText),
      }))
      .sort(byText),
  };
}

function sortedKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, each]) => [key, sortedKeys(each)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

const byText = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
