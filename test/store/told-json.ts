import { ExportRequestType } from '../support/otlp.ts';
import { idOf } from '../support/spans.ts';

/** A double, whatever its value. */
export class Double {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

type Scalar = string | number | bigint | boolean | Double | null | Uint8Array;
export type Any = Scalar | readonly Any[] | { readonly [key: string]: Any };
export type Attributes = Readonly<Record<string, Any>>;

function anyValue(value: Any): object {
  if (value === null) return {};
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (value instanceof Double) return { doubleValue: value.value };
  if (typeof value === 'bigint' || typeof value === 'number') return { intValue: String(value) };
  if (value instanceof Uint8Array) return { bytesValue: value };
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } };
  return { kvlistValue: { values: attributes(value as Attributes) } };
}

const attributes = (all: Attributes = {}) =>
  Object.entries(all).map(([key, value]) => ({ key, value: anyValue(value) }));

/** A trace of one span, with all that a span can have around and within it. */
export interface FullSpan {
  readonly trace: string;
  readonly parent?: string;
  readonly name?: string;
  readonly resource?: Attributes;
  readonly scope?: { readonly name?: string; readonly version?: string; readonly attributes?: Attributes };
  readonly attributes?: Attributes;
  readonly message?: string;
  readonly events?: readonly { readonly name?: string; readonly atMs?: number; readonly attributes?: Attributes }[];
  readonly links?: readonly { readonly trace: string; readonly attributes?: Attributes }[];
}

const startMs = 1_790_000_000_000;
const nanoseconds = (ms: number): string => String(BigInt(Math.round(ms * 1e3)) * 1000n);

/** One ExportTraceServiceRequest, by an independent implementation. */
export function fullRequest(...spans: FullSpan[]): Uint8Array {
  const resourceSpans = spans.map((told) => ({
    resource: { attributes: attributes(told.resource) },
    scopeSpans: [
      {
        ...(told.scope && { scope: { ...told.scope, attributes: attributes(told.scope.attributes) } }),
        spans: [fullSpan(told)],
      },
    ],
  }));
  return ExportRequestType.encode(ExportRequestType.fromObject({ resourceSpans })).finish();
}

const fullSpan = ({ trace, parent, name, attributes: own, message, events = [], links = [] }: FullSpan) => ({
  traceId: idOf(trace, 16),
  spanId: idOf(`${trace} span`, 8),
  ...(parent !== undefined && { parentSpanId: idOf(parent, 8) }),
  name: name ?? '',
  startTimeUnixNano: nanoseconds(startMs),
  endTimeUnixNano: nanoseconds(startMs + 1),
  attributes: attributes(own),
  ...(message !== undefined && { status: { code: 2, message } }),
  events: events.map(({ name: event = '', atMs = 0, attributes: of }) => ({
    name: event,
    timeUnixNano: nanoseconds(startMs + atMs),
    attributes: attributes(of),
  })),
  links: links.map((link) => ({
    traceId: idOf(link.trace, 16),
    spanId: idOf('linked', 8),
    attributes: attributes(link.attributes),
  })),
});
