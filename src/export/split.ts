import type { ExportRequest } from '../model/export-request.ts';
import { Request, ResourceSpans, ScopeSpans, Span, WireType } from '../wire/otlp.ts';
import { Reader } from '../wire/reader.ts';
import { Writer } from '../wire/writer.ts';

/** Where a field lies in the body, tag included. */
interface Range {
  readonly start: number;
  readonly end: number;
}

interface SpanField extends Range {
  readonly traceId: string;
}

/** A message as its repeated children of one kind and, verbatim, all its other fields, unknown ones too. */
interface Envelope<Child> {
  readonly rest: Range[];
  readonly children: Child[];
}

type RequestTree = Envelope<Envelope<Envelope<SpanField>>>;

/**
 * Splits a serialized ExportTraceServiceRequest into two of about half the bytes each: between traces, so that the
 * spans of one stay together while there is more than one, or between spans, as they lie. Resource, scope, schema URLs
 * and unknown fields go with the spans on either side. Null when there is nothing to split: one span or none. Throws
 * MalformedError for what is not protobuf.
 */
export function split(request: ExportRequest, between: 'traces' | 'spans'): [ExportRequest, ExportRequest] | null {
  const tree = parse(request.body);
  const spans = tree.children.flatMap((resource) => resource.children.flatMap((scope) => scope.children));
  if (spans.length < 2) return null;
  const isFirst = between === 'traces' ? firstTraces(spans) : firstSpans(spans);
  return [part(request, tree, spans, isFirst), part(request, tree, spans, (span) => !isFirst(span))];
}

/**
 * Which spans go into the first half: whole traces in order of appearance, or, of a single trace, the spans in order.
 */
function firstTraces(spans: SpanField[]): (span: SpanField) => boolean {
  const bytesByTrace = new Map<string, number>();
  for (const { traceId, start, end } of spans)
    bytesByTrace.set(traceId, (bytesByTrace.get(traceId) ?? 0) + end - start);
  if (bytesByTrace.size > 1) {
    const first = new Set([...bytesByTrace.keys()].slice(0, cut([...bytesByTrace.values()])));
    return (span) => first.has(span.traceId);
  }
  return firstSpans(spans);
}

function firstSpans(spans: SpanField[]): (span: SpanField) => boolean {
  const first = new Set(spans.slice(0, cut(spans.map(({ start, end }) => end - start))));
  return (span) => first.has(span);
}

/** How many of `sizes` make up half their sum, at least one and not all. */
function cut(sizes: number[]): number {
  const half = sizes.reduce((sum, size) => sum + size, 0) / 2;
  let count = 0;
  for (let sum = 0; sum < half && count < sizes.length - 1; count++) sum += sizes[count];
  return count;
}

function part(
  { body: whole, tenant }: ExportRequest,
  tree: RequestTree,
  spans: SpanField[],
  belongs: (span: SpanField) => boolean,
): ExportRequest {
  const own = spans.filter(belongs);
  return {
    body: write(whole, tree, belongs),
    spans: own.length,
    traces: new Set(own.map((span) => span.traceId)).size,
    ...(tenant !== undefined && { tenant }),
  };
}

function parse(body: Uint8Array): RequestTree {
  return envelope(new Reader(body), Request.resourceSpans, (resourceSpans) =>
    envelope(resourceSpans, ResourceSpans.scopeSpans, (scopeSpans) =>
      envelope(scopeSpans, ScopeSpans.spans, (span, start) => ({ start, end: span.end, traceId: traceIdOf(span) })),
    ),
  );
}

function envelope<Child>(
  reader: Reader,
  childField: number,
  readChild: (child: Reader, start: number) => Child,
): Envelope<Child> {
  const result: Envelope<Child> = { rest: [], children: [] };
  for (let start = reader.pos; reader.next(); start = reader.pos) {
    if (reader.field === childField && reader.wireType === WireType.length) {
      result.children.push(readChild(reader.message(), start));
    } else {
      reader.skip();
      result.rest.push({ start, end: reader.pos });
    }
  }
  return result;
}

function traceIdOf(span: Reader): string {
  let traceId = '';
  while (span.next()) {
    if (span.field === Span.traceId && span.wireType === WireType.length) {
      traceId = Buffer.from(span.bytes()).toString('hex');
    } else span.skip();
  }
  return traceId;
}

/** The spans that `belongs` names, in the envelopes they came in; an envelope without any of them is left out. */
function write(body: Uint8Array, tree: RequestTree, belongs: (span: SpanField) => boolean): Uint8Array {
  const writer = new Writer(body.length);
  const verbatim = (ranges: Range[]) => {
    for (const { start, end } of ranges) writer.raw(body, start, end);
  };
  verbatim(tree.rest);
  for (const resource of tree.children) {
    const scopes = resource.children
      .map((scope) => ({ rest: scope.rest, children: scope.children.filter(belongs) }))
      .filter((scope) => scope.children.length > 0);
    if (scopes.length === 0) continue;
    const resourceMark = writer.open(Request.resourceSpans);
    verbatim(resource.rest);
    for (const scope of scopes) {
      const scopeMark = writer.open(ResourceSpans.scopeSpans);
      verbatim(scope.rest);
      verbatim(scope.children);
      writer.close(scopeMark);
    }
    writer.close(resourceMark);
  }
  return writer.finish();
}
