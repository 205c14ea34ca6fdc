import type { Value } from '../traceql/ast.ts';
import { Request, Resource, ResourceSpans, Scope, ScopeSpans } from '../wire/otlp.ts';
import { Reader } from '../wire/reader.ts';
import { readKeyValue } from './any-value.ts';
import { type ScopeView, SpanView } from './span-view.ts';

/** A stored trace as search sees it: its spans, and what follows from all of them together. */
export class TraceView {
  /** 32 hex digits. */
  readonly traceId: string;
  readonly spans: SpanView[] = [];
  /** The earliest span without a parent; undefined while none has come. */
  root: SpanView | undefined;
  /** Over the spans that have a start; 0n where none has. */
  startNs = 0n;
  #endNs = 0n;

  constructor(traceId: string) {
    this.traceId = traceId;
  }

  get durationNs(): bigint {
    return this.#endNs > this.startNs ? this.#endNs - this.startNs : 0n;
  }

  /** Adds the spans of one of the parts that the trace was stored in. */
  add(part: Uint8Array): this {
    const before = this.spans.length;
    const r = new Reader(part);
    while (r.next()) {
      if (r.field === Request.resourceSpans && r.wireType === 2) this.#readResource(r.message());
      else r.skip();
    }
    for (let i = before; i < this.spans.length; i++) this.#take(this.spans[i]);
    return this;
  }

  #take(span: SpanView): void {
    const { startNs, endNs } = span;
    if (span.isRoot && (this.root === undefined || startNs < this.root.startNs)) this.root = span;
    if (startNs === 0n) return;
    if (this.startNs === 0n || startNs < this.startNs) this.startNs = startNs;
    if (endNs > this.#endNs) this.#endNs = endNs;
  }

  /** Spans and error spans, by service. */
  get serviceStats(): Map<string, { spans: number; errors: number }> {
    const stats = new Map<string, { spans: number; errors: number }>();
    for (const span of this.spans) {
      const entry = stats.get(span.service) ?? { spans: 0, errors: 0 };
      entry.spans++;
      if (span.statusCode === 2) entry.errors++;
      stats.set(span.service, entry);
    }
    return stats;
  }

  #readResource(r: Reader): void {
    const resource = new Map<string, Value>();
    const scopes: Reader[] = [];
    while (r.next()) {
      if (r.field === ResourceSpans.scopeSpans && r.wireType === 2) scopes.push(r.message());
      else if (r.field === ResourceSpans.resource && r.wireType === 2)
        readAttributes(r.message(), Resource.attributes, resource);
      else r.skip();
    }
    for (const scope of scopes) this.#readScope(scope, resource);
  }

  #readScope(r: Reader, resource: ReadonlyMap<string, Value>): void {
    const spans: Reader[] = [];
    let scope: ScopeView = { name: '', version: '', attributes: new Map() };
    while (r.next()) {
      if (r.field === ScopeSpans.spans && r.wireType === 2) spans.push(r.message());
      else if (r.field === ScopeSpans.scope && r.wireType === 2) scope = readScope(r.message());
      else r.skip();
    }
    for (const span of spans) this.spans.push(new SpanView(span, this, resource, scope));
  }
}

/** The attributes of a Resource message. */
export function resourceOf(message: Uint8Array): Map<string, Value> {
  const attributes = new Map<string, Value>();
  readAttributes(new Reader(message), Resource.attributes, attributes);
  return attributes;
}

/** An InstrumentationScope message. */
export const scopeOf = (message: Uint8Array): ScopeView => readScope(new Reader(message));

function readAttributes(r: Reader, field: number, into: Map<string, Value>): void {
  while (r.next()) {
    if (r.field === field && r.wireType === 2) readKeyValue(r.message(), into);
    else r.skip();
  }
}

function readScope(r: Reader): ScopeView {
  const attributes = new Map<string, Value>();
  let name = '';
  let version = '';
  while (r.next()) {
    if (r.field === Scope.name && r.wireType === 2) name = r.string();
    else if (r.field === Scope.version && r.wireType === 2) version = r.string();
    else if (r.field === Scope.attributes && r.wireType === 2) readKeyValue(r.message(), attributes);
    else r.skip();
  }
  return { name, version, attributes };
}
