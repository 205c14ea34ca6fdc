/**
 * Traces as JSON. Tempo answers in its own spelling (ids in base64, enums by name, `batches` in version 1 of its API);
 * `readTrace` turns either into OTLP JSON (opentelemetry-proto, "JSON Protobuf Encoding"): hex ids, numbers for enums.
 */
export interface OtlpTrace {
  readonly resourceSpans: readonly JsonObject[];
}

export type JsonObject = { readonly [key: string]: unknown };

export function readTrace(answer: unknown): OtlpTrace {
  const root = objectOf(answer);
  const trace = root.trace === undefined ? root : objectOf(root.trace);
  return { resourceSpans: listOf(trace.resourceSpans ?? trace.batches).map(readResourceSpans) };
}

const readResourceSpans = (it: JsonObject): JsonObject => ({
  ...it,
  scopeSpans: listOf(it.scopeSpans).map(readScopeSpans),
});
const readScopeSpans = (it: JsonObject): JsonObject => ({ ...it, spans: listOf(it.spans).map(readSpan) });

function readSpan(span: JsonObject): JsonObject {
  const { parentSpanId, kind, links, status, ...rest } = span;
  const parent = hexId(parentSpanId, 16);
  return {
    ...rest,
    traceId: hexId(span.traceId, 32),
    spanId: hexId(span.spanId, 16),
    ...(parent && { parentSpanId: parent }),
    ...(kind !== undefined && { kind: enumOf(kind, kinds) }),
    ...(links !== undefined && { links: listOf(links).map(readLink) }),
    ...(status !== undefined && { status: readStatus(objectOf(status)) }),
  };
}

const readLink = (link: JsonObject): JsonObject => ({
  ...link,
  traceId: hexId(link.traceId, 32),
  spanId: hexId(link.spanId, 16),
});

const readStatus = ({ code, ...rest }: JsonObject): JsonObject => ({
  ...rest,
  ...(code !== undefined && { code: enumOf(code, codes) }),
});

const kinds = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'];
const codes = ['UNSET', 'OK', 'ERROR'];

/** `SPAN_KIND_SERVER` or 2 → 2. */
function enumOf(value: unknown, names: readonly string[]): number {
  if (typeof value === 'number') return value;
  return Math.max(0, names.indexOf(String(value).replace(/^(SPAN_KIND|STATUS_CODE)_/, '')));
}

/** Hex stays; base64, which is never that long, becomes hex. Short ids get their zeros back. */
function hexId(value: unknown, digits: number): string {
  if (typeof value !== 'string' || value === '') return '';
  const hex =
    value.length === digits && /^[0-9a-f]+$/i.test(value) ? value : Buffer.from(value, 'base64').toString('hex');
  return hex.toLowerCase().padStart(digits, '0');
}

export const objectOf = (value: unknown): JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};

export const listOf = (value: unknown): readonly JsonObject[] => (Array.isArray(value) ? value.map(objectOf) : []);

export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Values nested deeper are told by a mark: nobody reads them, and whoever wrote them may have meant harm. */
const deepestShown = 32;

/** An OTLP AnyValue as text: what a person reads. */
export function valueText(value: unknown, depth = 0): string {
  if (depth > deepestShown) return '…';
  const any = objectOf(value);
  const below = (each: unknown): string => valueText(each, depth + 1);
  const pair = (each: JsonObject): string => `${textOf(each.key)}=${below(each.value)}`;
  if (typeof any.stringValue === 'string') return any.stringValue;
  if (any.arrayValue !== undefined) return `[${listOf(objectOf(any.arrayValue).values).map(below).join(', ')}]`;
  if (any.kvlistValue !== undefined) return `{${listOf(objectOf(any.kvlistValue).values).map(pair).join(', ')}}`;
  return String(any.intValue ?? any.doubleValue ?? any.boolValue ?? any.bytesValue ?? '');
}
