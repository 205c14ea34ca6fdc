import { byTrace, type PlacedSpan } from '../../support/captures.ts';
import { decodeRequest, ExportRequestType, type RequestObject, type SpanObject } from '../../support/otlp.ts';

const base64 = (hex: string | undefined): string => Buffer.from(hex ?? '', 'hex').toString('base64');

/** One request with all of a trace: Tempo numbers the spans of a trace by what came together. */
export function requestOfTrace(spans: readonly PlacedSpan[]): Buffer {
  const resourceSpans: unknown[] = [];
  for (let i = 0; i < spans.length; ) {
    const { resource, resourceSchemaUrl, scope, scopeSchemaUrl } = spans[i];
    const together: unknown[] = [];
    for (; i < spans.length && spans[i].resource === resource && spans[i].scope === scope; i++)
      together.push(encodable(spans[i].span));
    const scopeSpans = [{ scope, schemaUrl: scopeSchemaUrl, spans: together }];
    resourceSpans.push({ resource, schemaUrl: resourceSchemaUrl, scopeSpans });
  }
  return Buffer.from(ExportRequestType.encode(ExportRequestType.fromObject({ resourceSpans })).finish());
}

const encodable = (span: SpanObject): object => ({
  ...span,
  traceId: base64(span.traceId),
  spanId: base64(span.spanId),
  parentSpanId: base64(span.parentSpanId),
});

/** A request for each trace, in which no span stands twice. */
export function regrouped(messages: readonly Uint8Array[]): Buffer[] {
  return [...byTrace(messages.map(decodeRequest)).values()].map((spans) => {
    const once = new Map(spans.map((placed) => [`${placed.span.spanId} ${placed.span.kind ?? 0}`, placed]));
    return requestOfTrace([...once.values()]);
  });
}

export const requestOf = (request: RequestObject): Buffer[] =>
  [...byTrace([request]).values()].map((spans) => requestOfTrace(spans));
