import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeRequest, type RequestObject, type SpanObject } from './otlp.ts';

/**
 * Traces that others recorded from running systems: `NAME.ld.pb` is a sequence of ExportTraceServiceRequest messages,
 * each after its length in 4 bytes, big-endian; `NAME.traces.jsonl` says what is in it, by a program that is not ours.
 */
export const tracesDirectory =
  process.env.TRACES_DIR ?? fileURLToPath(new URL('../../../shared/traces', import.meta.url));

export const captureNames = ['hotrod-2026', 'otel-demo-2025-07', 'shell-ci-2024-2025', 'zipkin-production'] as const;
export type CaptureName = (typeof captureNames)[number];

/** Why there are no captures, or '' when they are there. In CI they must be. */
export const capturesMissing = captureNames.every((name) => existsSync(join(tracesDirectory, `${name}.ld.pb`)))
  ? ''
  : `no recorded traces in ${tracesDirectory}: set TRACES_DIR`;

/** One line of `NAME.traces.jsonl`, as far as tests read it. */
export interface Truth {
  readonly trace: string;
  readonly spans: number;
  readonly distinctSpanIds: number;
  readonly errorSpans: number;
  readonly root: { readonly name: string; readonly error: boolean } | null;
  readonly durationMs: number;
  /** Which messages carry spans of this trace, from 0. */
  readonly messages: readonly number[];
}

/** A span with all that it came in. */
export interface PlacedSpan {
  readonly span: SpanObject;
  readonly resource: unknown;
  readonly resourceSchemaUrl: string | undefined;
  readonly scope: unknown;
  readonly scopeSchemaUrl: string | undefined;
}

export interface Capture {
  readonly name: CaptureName;
  /** In the order to send them. */
  readonly messages: readonly Buffer[];
  /** What they hold, decoded by an independent implementation, by trace id. */
  readonly traces: ReadonlyMap<string, readonly PlacedSpan[]>;
  readonly truth: ReadonlyMap<string, Truth>;
}

/** The messages of a capture, in the order to send them. */
export const readMessages = (name: CaptureName): Buffer[] => [
  ...cut(readFileSync(join(tracesDirectory, `${name}.ld.pb`))),
];

export function readCapture(name: CaptureName): Capture {
  const messages = readMessages(name);
  return {
    name,
    messages,
    traces: byTrace(messages.map(decodeRequest)),
    truth: new Map(jsonLines<Truth>(`${name}.traces.jsonl`).map((truth) => [truth.trace, truth])),
  };
}

/** The requests of `json/NAME.jsonl`, one a line, as text. */
export const readJsonRequests = (name: string): string[] => lines(join('json', `${name}.jsonl`));

/** Every span of some requests, by trace id, in the order in which they came. */
export function byTrace(requests: readonly RequestObject[]): Map<string, PlacedSpan[]> {
  const traces = new Map<string, PlacedSpan[]>();
  for (const placed of requests.flatMap(placedSpans)) {
    const spans = traces.get(placed.span.traceId);
    if (spans === undefined) traces.set(placed.span.traceId, [placed]);
    else spans.push(placed);
  }
  return traces;
}

const placedSpans = ({ resourceSpans = [] }: RequestObject): PlacedSpan[] =>
  resourceSpans.flatMap(({ resource, schemaUrl: resourceSchemaUrl, scopeSpans = [] }) =>
    scopeSpans.flatMap(({ scope, schemaUrl: scopeSchemaUrl, spans = [] }) =>
      spans.map((span) => ({ span, resource, resourceSchemaUrl, scope, scopeSchemaUrl })),
    ),
  );

function* cut(file: Buffer): Generator<Buffer> {
  for (let at = 0; at < file.length; ) {
    const length = file.readUInt32BE(at);
    yield file.subarray(at + 4, at + 4 + length);
    at += 4 + length;
  }
}

const lines = (name: string): string[] =>
  readFileSync(join(tracesDirectory, name), 'utf8')
    .split('\n')
    .filter((line) => line !== '');

const jsonLines = <T>(name: string): T[] => lines(name).map((line) => JSON.parse(line) as T);
