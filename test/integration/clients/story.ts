import { readFileSync } from 'node:fs';
import { type AnyValue, type KeyValue, type RequestObject, type SpanObject, spansIn } from '../../support/otlp.ts';
import type { Said } from './clients.ts';

type Attributes = Record<string, string | number | boolean | string[]>;

/**
 * story.json: what every client tells. `parent` is the place of an earlier span; times are milliseconds after the
 * beginning.
 */
interface ToldSpan {
  readonly name: string;
  readonly kind: keyof typeof kinds;
  readonly parent?: number;
  readonly startMs: number;
  readonly durationMs: number;
  readonly attributes?: Attributes;
  readonly status?: { readonly code: 'OK' | 'ERROR'; readonly message?: string };
  readonly events?: readonly { readonly name: string; readonly atMs: number; readonly attributes: Attributes }[];
  readonly links?: readonly { readonly to: string; readonly attributes: Attributes }[];
}
export interface ToldTrace {
  readonly name: string;
  /** The policy that keeps it; null = dropped. */
  readonly keptBy: string | null;
  /** Of a caller in another place, whose span is the parent of the first one. */
  readonly traceState?: string;
  readonly spans: readonly ToldSpan[];
}

const file = new URL('story.json', import.meta.url);
export const story: readonly ToldTrace[] = JSON.parse(readFileSync(file, 'utf8')).traces;
export const spansInStory = story.reduce((sum, { spans }) => sum + spans.length, 0);

const kinds = { INTERNAL: 1, SERVER: 2, CLIENT: 3, PRODUCER: 4, CONSUMER: 5 };
const statusCodes = { OK: 1, ERROR: 2 };

/**
 * The spans of a kept trace as the gateway should give them back: what was told, the ids of the sender, the gateway's
 * marks.
 */
export function expectedSpans(told: ToldTrace, said: Said, revision: string): object[] {
  const { traceId, spanIds } = said.traces[told.name];
  const at = (ms: number): string => String(BigInt(said.beganUnixNano) + BigInt(ms) * 1_000_000n);
  const marks: Attributes = { 'tailgate.policy': told.keptBy as string, 'tailgate.revision': revision };
  if (told.traceState !== undefined) marks['tailgate.incomplete'] = true;
  return told.spans.map((span, i) => ({
    traceId,
    spanId: spanIds[i],
    parent: span.parent === undefined ? (told.traceState === undefined ? '' : 'elsewhere') : spanIds[span.parent],
    traceState: told.traceState === undefined ? 'ot=th:0' : `ot=th:0,${told.traceState}`,
    name: span.name,
    kind: kinds[span.kind],
    start: at(span.startMs),
    end: at(span.startMs + span.durationMs),
    attributes: { ...span.attributes, ...(i === 0 && marks) },
    status: [span.status ? statusCodes[span.status.code] : 0, span.status?.message ?? ''],
    events: (span.events ?? []).map(({ name, atMs, attributes }) => ({ name, at: at(atMs), attributes })),
    links: (span.links ?? []).map(({ to, attributes }) => ({
      traceId: said.traces[to].traceId,
      spanId: said.traces[to].spanIds[0],
      attributes,
    })),
  }));
}

/** Spans of an answer or a request in the same form, in the order of `spanIds`. */
export function arrivedSpans(request: RequestObject, { spanIds }: { readonly spanIds: readonly string[] }): object[] {
  const spans = spansIn(request).map((span) => arrived(span, spanIds));
  return spans.sort((a, b) => spanIds.indexOf(a.spanId) - spanIds.indexOf(b.spanId));
}

function arrived(span: SpanObject, known: readonly string[]) {
  const parent = span.parentSpanId ?? '';
  const events = (span.events ?? []) as { name?: string; timeUnixNano?: string; attributes?: KeyValue[] }[];
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parent: parent === '' || known.includes(parent) ? parent : 'elsewhere',
    traceState: span.traceState ?? '',
    name: span.name,
    kind: span.kind,
    start: span.startTimeUnixNano,
    end: span.endTimeUnixNano,
    attributes: plain(span.attributes),
    status: [span.status?.code ?? 0, span.status?.message ?? ''],
    events: events.map((it) => ({ name: it.name, at: it.timeUnixNano, attributes: plain(it.attributes) })),
    links: (span.links ?? []).map((link) => ({
      traceId: Buffer.from(link.traceId, 'base64').toString('hex'),
      spanId: Buffer.from(link.spanId, 'base64').toString('hex'),
      attributes: plain(link.attributes),
    })),
  };
}

const plain = (attributes: readonly KeyValue[] = []): Attributes =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, plainValue(value ?? {})]));

function plainValue(value: AnyValue): string | number | boolean | string[] {
  if (value.intValue !== undefined) return Number(value.intValue);
  if (value.arrayValue) return (value.arrayValue.values ?? []).map((it) => String(it.stringValue));
  return value.stringValue ?? value.doubleValue ?? value.boolValue ?? '';
}
