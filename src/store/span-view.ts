import type { AttributeScope, Field, Intrinsic, Value } from '../traceql/ast.ts';
import { kinds, statuses } from '../traceql/ast.ts';
import type { SpanFields } from '../traceql/evaluate.ts';
import type { NestedSpan } from '../traceql/nested-set.ts';
import { Event, Link, Resource, Scope, Span, Status } from '../wire/otlp.ts';
import { Reader } from '../wire/reader.ts';
import { findAttribute, readKeyValue } from './any-value.ts';

/** What a span's trace, as a whole, adds to what may be asked of the span. */
interface WholeTrace {
  readonly traceId: string;
  readonly durationNs: bigint;
  readonly root: { readonly name: string; readonly service: string } | undefined;
  /** Of one span at a time: all that it has. */
  lastRead?: { readonly span: SpanView; readonly attributes: ReadonlyMap<string, Value> };
}

/** A span that is asked for more of its attributes is read whole: once, and not once for each. */
const mostWalks = 4;

/** A Resource message, as queries ask it and as it came. */
export interface ResourceView {
  readonly attributes: ReadonlyMap<string, Value>;
  readonly message: Reader;
}

/** An InstrumentationScope message, the same. */
export interface ScopeView extends ResourceView {
  readonly name: string;
  readonly version: string;
}

/** Messages that have attributes, and the number of that field. */
interface AttributeSource {
  readonly messages: readonly Reader[];
  readonly field: number;
}

/** One stored span: what every search reads, decoded at once; attributes, events and links when somebody asks. */
export class SpanView implements SpanFields, NestedSpan {
  readonly trace: WholeTrace;
  readonly resource: ResourceView;
  readonly scope: ScopeView;
  readonly #bytes: Reader;
  spanId = '';
  parentId = '';
  name = '';
  kind = 0;
  statusCode = 0;
  statusMessage = '';
  /** Unix nanoseconds; 0n where the span has none. */
  startNs = 0n;
  endNs = 0n;
  #walks = 0;
  left = 0;
  right = 0;
  parent = 0;

  constructor(bytes: Reader, trace: WholeTrace, resource: ResourceView, scope: ScopeView) {
    this.#bytes = again(bytes);
    this.trace = trace;
    this.resource = resource;
    this.scope = scope;
    this.#readFixed(bytes);
  }

  get byteLength(): number {
    return this.#bytes.end - this.#bytes.pos;
  }

  get durationNs(): bigint {
    return this.startNs > 0n && this.endNs > this.startNs ? this.endNs - this.startNs : 0n;
  }

  get isRoot(): boolean {
    return this.parentId === '' || this.parentId === '0000000000000000';
  }

  get service(): string {
    const name = this.resource.attributes.get('service.name');
    return typeof name === 'string' ? name : '';
  }

  field(field: Field): Value {
    if (field.type === 'intrinsic') return this.#intrinsic(field.name);
    switch (field.scope) {
      case 'span':
        return this.#attribute(field);
      case 'resource':
        return this.#ofResource(field.key);
      case 'any':
        return this.#attribute(field) ?? this.#ofResource(field.key);
      case 'instrumentation':
        return this.scope.attributes.get(field.key);
      default:
        return this.#ofNested(field.scope, encodedKey(field));
    }
  }

  /** Where the attributes of a scope are; the cursors are the caller's. */
  attributesOf(scope: Exclude<AttributeScope, 'any'>): AttributeSource {
    switch (scope) {
      case 'span':
        return { messages: [this.#cursor()], field: Span.attributes };
      case 'resource':
        return { messages: [again(this.resource.message)], field: Resource.attributes };
      case 'instrumentation':
        return { messages: [again(this.scope.message)], field: Scope.attributes };
      default:
        return { messages: this.messages(scope), field: nestedAttributes[scope] };
    }
  }

  /** A resource that says no service has an empty one, as in Tempo. */
  #ofResource(key: string): Value {
    return this.resource.attributes.get(key) ?? (key === 'service.name' ? '' : undefined);
  }

  #attribute(field: Field & { type: 'attribute' }): Value {
    if (this.#walks < mostWalks || field.key.includes('\ufffd')) {
      this.#walks++;
      return findAttribute(this.#cursor(), Span.attributes, encodedKey(field));
    }
    if (this.trace.lastRead?.span !== this) this.trace.lastRead = { span: this, attributes: this.#attributes() };
    return this.trace.lastRead.attributes.get(field.key);
  }

  #ofNested(scope: 'event' | 'link', key: Uint8Array): Value[] {
    const found = this.ofEach(scope, (message) => findAttribute(message, nestedAttributes[scope], key));
    return found.filter((value) => value !== undefined);
  }

  #attributes(): Map<string, Value> {
    const attributes = new Map<string, Value>();
    const r = this.#cursor();
    while (r.next()) {
      if (r.field === Span.attributes && r.wireType === 2) readKeyValue(r.message(), attributes);
      else r.skip();
    }
    return attributes;
  }

  #intrinsic(name: Intrinsic): Value {
    return intrinsics[name](this);
  }

  #readFixed(r: Reader): void {
    while (r.next()) {
      if (r.field === Span.spanId && r.wireType === 2) this.spanId = hex(r.bytes());
      else if (r.field === Span.parentSpanId && r.wireType === 2) this.parentId = hex(r.bytes());
      else if (r.field === Span.name && r.wireType === 2) this.name = r.string();
      else if (r.field === Span.kind && r.wireType === 0) this.kind = r.varint();
      else if (r.field === Span.startTimeUnixNano && r.wireType === 1) this.startNs = r.fixed64();
      else if (r.field === Span.endTimeUnixNano && r.wireType === 1) this.endNs = r.fixed64();
      else if (r.field === Span.status && r.wireType === 2) this.#readStatus(r.message());
      else r.skip();
    }
  }

  #readStatus(r: Reader): void {
    while (r.next()) {
      if (r.field === Status.code && r.wireType === 0) this.statusCode = r.varint();
      else if (r.field === Status.message && r.wireType === 2) this.statusMessage = r.string();
      else r.skip();
    }
  }

  #cursor(): Reader {
    return again(this.#bytes);
  }

  /** Cursors over the span's events or links. */
  messages(scope: 'event' | 'link'): Reader[] {
    return this.ofEach(scope, again);
  }

  /** What `read` reads of each of its events or links; the cursor is lent to it. A span may have a million of them. */
  ofEach<T>(scope: 'event' | 'link', read: (message: Reader) => T): T[] {
    const found: T[] = [];
    const wanted = scope === 'event' ? Span.events : Span.links;
    const r = this.#cursor();
    const message = this.#cursor();
    while (r.next()) {
      if (r.field === wanted && r.wireType === 2) found.push(read(message.enter(r)));
      else r.skip();
    }
    return found;
  }
}

const again = ({ buf, pos, end }: Reader): Reader => new Reader(buf, pos, end);

const nestedAttributes = { event: Event.attributes, link: Link.attributes };

/** Fields belong to a compiled query, so each key is encoded once a search. */
const encodedKeys = new WeakMap<Field, Uint8Array>();
const utf8 = new TextEncoder();

function encodedKey(field: Field & { type: 'attribute' }): Uint8Array {
  let key = encodedKeys.get(field);
  if (key === undefined) encodedKeys.set(field, (key = utf8.encode(field.key)));
  return key;
}

const noId = '0'.repeat(16);

const intrinsics: Record<Intrinsic, (span: SpanView) => Value> = {
  name: (span) => span.name,
  status: (span) => statuses[span.statusCode],
  statusMessage: (span) => span.statusMessage,
  kind: (span) => kinds[span.kind],
  duration: (span) => Number(span.durationNs),
  traceDuration: (span) => Number(span.trace.durationNs),
  rootName: (span) => span.trace.root?.name ?? '',
  rootServiceName: (span) => span.trace.root?.service ?? '',
  nestedSetLeft: (span) => BigInt(span.left),
  nestedSetRight: (span) => BigInt(span.right),
  nestedSetParent: (span) => BigInt(span.parent),
  'trace:id': (span) => span.trace.traceId,
  'span:id': (span) => span.spanId,
  'span:parentID': (span) => (span.isRoot ? noId : span.parentId),
  'event:name': (span) =>
    orNone(
      span.ofEach('event', (event) => textOf(event, Event.name)),
      '',
    ),
  'event:timeSinceStart': (span) =>
    orNone(
      span.ofEach('event', (event) => Number(timeOf(event) - span.startNs)),
      0,
    ),
  'link:traceID': (span) =>
    orNone(
      span.ofEach('link', (link) => idOf(link, Link.traceId)),
      '',
    ),
  'link:spanID': (span) =>
    orNone(
      span.ofEach('link', (link) => idOf(link, Link.spanId)),
      noId,
    ),
  'instrumentation:name': (span) => span.scope.name,
  'instrumentation:version': (span) => span.scope.version,
};

/** Where there is none, an empty one stands for it, as in Tempo’s columns. */
const orNone = <T extends Value>(values: readonly T[], none: T): Value => (values.length === 0 ? none : values);

const hex = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');

function find<T>(r: Reader, field: number, wireType: number, read: (r: Reader) => T, otherwise: T): T {
  while (r.next()) {
    if (r.field === field && r.wireType === wireType) return read(r);
    r.skip();
  }
  return otherwise;
}

const textOf = (r: Reader, field: number): string => find(r, field, 2, (at) => at.string(), '');
const idOf = (r: Reader, field: number): string => find(r, field, 2, (at) => hex(at.bytes()), '');
const timeOf = (r: Reader): bigint => find(r, Event.timeUnixNano, 1, (at) => at.fixed64(), 0n);
