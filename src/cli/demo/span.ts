/** Spans as plain objects: what the demo makes, and what `encodeRequest` turns into OTLP. */
export type AttributeValue = string | number | bigint | boolean | readonly string[];
export type Attributes = Readonly<Record<string, AttributeValue>>;

export const Kind = { unspecified: 0, internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const;

export interface DemoResource {
  readonly attributes: Attributes;
  readonly schemaUrl: string;
}

export interface DemoScope {
  readonly name: string;
  readonly version: string;
}

export interface DemoEvent {
  readonly name: string;
  readonly timeNs: bigint;
  readonly attributes: Attributes;
}

export interface DemoLink {
  readonly traceId: string;
  readonly spanId: string;
}

/**
 * Ids are lower-case hex (16 and 8 bytes); times are Unix nanoseconds; `resource` and `scope` are shared by identity.
 */
export interface DemoSpan {
  readonly traceId: string;
  spanId: string;
  /** Empty for a root. */
  parentSpanId: string;
  traceState: string;
  flags: number;
  name: string;
  readonly kind: number;
  startNs: bigint;
  endNs: bigint;
  attributes: Record<string, AttributeValue>;
  events: DemoEvent[];
  links: DemoLink[];
  droppedAttributes: number;
  status: { code: number; message: string };
  /** Who sends it: services batch and deliver apart from each other. */
  readonly service: string;
  resource: DemoResource;
  scope: DemoScope;
}

/** When the last of the spans ends, in Unix nanoseconds; 0 when none has a time. */
export function lastEndNs(spans: readonly DemoSpan[]): bigint {
  let last = 0n;
  for (const span of spans) if (span.endNs > last) last = span.endNs;
  return last;
}
