import type { Value } from '../traceql/ast.ts';
import { Request, Resource, ResourceSpans, Scope, ScopeSpans } from '../wire/otlp.ts';
import { Reader } from '../wire/reader.ts';
import { readKeyValue } from './any-value.ts';
import { type ResourceView, type ScopeView, SpanView } from './span-view.ts';

/** A stored trace as search sees it: its spans, and what follows from all of them together. */
export class TraceView {
  /** 32 hex digits. */
  readonly traceId: string;
  readonly spans: SpanView[] = [];
  /** The span without a parent, of several the last that came, as in Tempo; undefined while none has come. */
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
    if (span.isRoot) this.root = span;
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
    let resource = noResource;
    const scopes: Reader[] = [];
    while (r.next()) {
      if (r.field === ResourceSpans.scopeSpans && r.wireType === 2) scopes.push(r.message());
      else if (r.field === ResourceSpans.resource && r.wireType === 2) resource = readResource(r.message());
      else r.skip();
    }
    for (const scope of scopes) this.#readScope(scope, resource);
  }

  #readScope(r: Reader, resource: ResourceView): void {
    const spans: Reader[] = [];
    let scope: ScopeView = { ...noResource, name: '', version: '' };
    while (r.next()) {
      if (r.field === ScopeSpans.spans && r.wireType === 2) spans.push(r.message());
      else if (r.field === ScopeSpans.scope && r.wireType === 2) scope = readScope(r.message());
      else r.skip();
    }
    for (const span of spans) this.spans.push(new SpanView(span, this, resource, scope));
  }
}

const noResource: ResourceView = { attributes: new Map(), message: new Reader(new Uint8Array(0)) };

/** A Resource message. */
export const resourceOf = (message: Uint8Array): ResourceView => readResource(new Reader(message));

/** An InstrumentationScope message. */
export const scopeOf = (message: Uint8Array): ScopeView => readScope(new Reader(message));

function readResource(r: Reader): ResourceView {
  const message = new Reader(r.buf, r.pos, r.end);
  const attributes = new Map<string, Value>();
  while (r.next()) {
    if (r.field === Resource.attributes && r.wireType === 2) readKeyValue(r.message(), attributes);
    else r.skip();
  }
  return { attributes, message };
}

function readScope(r: Reader): ScopeView {
  const message = new Reader(r.buf, r.pos, r.end);
  const attributes = new Map<string, Value>();
  let name = '';
  let version = '';
  while (r.next()) {
    if (r.field === Scope.name && r.wireType === 2) name = r.string();
    else if (r.field === Scope.version && r.wireType === 2) version = r.string();
    else if (r.field === Scope.attributes && r.wireType === 2) readKeyValue(r.message(), attributes);
    else r.skip();
  }
  return { name, version, attributes, message };
}
