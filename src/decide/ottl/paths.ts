import { findAttribute, findField, foundEnd } from '../../wire/fields.ts';
import { Event, Resource, Scope, Span, Status } from '../../wire/otlp.ts';
import { Reader } from '../../wire/reader.ts';
import { tracestateMember } from './tracestate.ts';
import { Duration, Id, Moment, readAnyValue, readKeyValues, textAt, type Value } from './value.ts';

/** What a condition is asked of: its paths without a prefix are of that. */
export type Context = 'span' | 'spanevent';

/** Whose message a path reads. */
export type Owner = 'span' | 'event' | 'scope' | 'resource';

/** Reads the message buf[start, end) of the path's owner. */
type ReadPath = (buf: Uint8Array, start: number, end: number) => Value;

export interface Path {
  /** Two paths with the same are the same. */
  readonly id: string;
  readonly owner: Owner;
  readonly field: string;
  /** Of `attributes` and `trace_state`, where one is given. */
  readonly key: string | undefined;
  readonly read: ReadPath;
}

const text =
  (field: number): ReadPath =>
  (buf, start, end) => {
    const at = findField(buf, start, end, field, 2);
    return at < 0 ? '' : textAt(buf, at, foundEnd);
  };
const count =
  (field: number): ReadPath =>
  (buf, start, end) => {
    const at = findField(buf, start, end, field, 0);
    return at < 0 ? 0n : new Reader(buf, at, foundEnd).int64();
  };
const nanos = (buf: Uint8Array, start: number, end: number, field: number): bigint => {
  const at = findField(buf, start, end, field, 1);
  return at < 0 ? 0n : BigInt.asIntN(64, new Reader(buf, at, foundEnd).fixed64());
};
const unixNano =
  (field: number): ReadPath =>
  (buf, start, end) =>
    nanos(buf, start, end, field);
const moment =
  (field: number): ReadPath =>
  (buf, start, end) =>
    new Moment(nanos(buf, start, end, field));
const hex = (buf: Uint8Array, start: number, end: number, field: number, bytes: number): string => {
  const at = findField(buf, start, end, field, 2);
  return at < 0 || foundEnd - at !== bytes ? '00'.repeat(bytes) : Buffer.prototype.hexSlice.call(buf, at, foundEnd);
};
const id =
  (field: number, bytes: number): ReadPath =>
  (buf, start, end) =>
    new Id(hex(buf, start, end, field, bytes));
const idText =
  (field: number, bytes: number): ReadPath =>
  (buf, start, end) =>
    hex(buf, start, end, field, bytes);
const status =
  (field: number, type: number, read: (buf: Uint8Array, at: number, end: number) => Value, absent: Value): ReadPath =>
  (buf, start, end) => {
    const at = findField(buf, start, end, Span.status, 2);
    const within = at < 0 ? -1 : findField(buf, at, foundEnd, field, type);
    return within < 0 ? absent : read(buf, within, foundEnd);
  };
const allAttributes =
  (field: number): ReadPath =>
  (buf, start, end) =>
    readKeyValues(new Reader(buf, start, end), field);

/** SpanKind by number, as Go's pdata and Jaeger's translator spell it. */
export const kindNames = ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer'];
const kindName = (buf: Uint8Array, start: number, end: number): string =>
  kindNames[Number(count(Span.kind)(buf, start, end))] ?? '';
const deprecatedKind = (name: string): string => (name === '' ? '' : `SPAN_KIND_${name.toUpperCase()}`);

const fieldsOf: Readonly<Record<Owner, Readonly<Record<string, ReadPath>>>> = {
  span: {
    trace_id: id(Span.traceId, 16),
    'trace_id.string': idText(Span.traceId, 16),
    span_id: id(Span.spanId, 8),
    'span_id.string': idText(Span.spanId, 8),
    parent_span_id: id(Span.parentSpanId, 8),
    'parent_span_id.string': idText(Span.parentSpanId, 8),
    trace_state: text(Span.traceState),
    name: text(Span.name),
    kind: count(Span.kind),
    'kind.string': kindName,
    'kind.deprecated_string': (buf, start, end) => deprecatedKind(kindName(buf, start, end)),
    start_time_unix_nano: unixNano(Span.startTimeUnixNano),
    end_time_unix_nano: unixNano(Span.endTimeUnixNano),
    start_time: moment(Span.startTimeUnixNano),
    end_time: moment(Span.endTimeUnixNano),
    attributes: allAttributes(Span.attributes),
    dropped_attributes_count: count(Span.droppedAttributesCount),
    dropped_events_count: count(Span.droppedEventsCount),
    dropped_links_count: count(Span.droppedLinksCount),
    flags: (buf, start, end) => {
      const at = findField(buf, start, end, Span.flags, 5);
      return at < 0 ? 0n : BigInt(new Reader(buf, at, foundEnd).fixed32());
    },
    'status.code': status(Status.code, 0, (buf, at, end) => new Reader(buf, at, end).int64(), 0n),
    'status.message': status(Status.message, 2, textAt, ''),
  },
  event: {
    name: text(Event.name),
    time: moment(Event.timeUnixNano),
    time_unix_nano: unixNano(Event.timeUnixNano),
    attributes: allAttributes(Event.attributes),
    dropped_attributes_count: count(Event.droppedAttributesCount),
  },
  scope: {
    name: text(Scope.name),
    version: text(Scope.version),
    attributes: allAttributes(Scope.attributes),
    dropped_attributes_count: count(Scope.droppedAttributesCount),
  },
  resource: {
    attributes: allAttributes(Resource.attributes),
    dropped_attributes_count: count(Resource.droppedAttributesCount),
  },
};

const attributesField: Readonly<Record<Owner, number>> = {
  span: Span.attributes,
  event: Event.attributes,
  scope: Scope.attributes,
  resource: Resource.attributes,
};

/** Names of an owner's paths, for whoever wrote another one. */
export const pathNames = (owner: Owner): readonly string[] => Object.keys(fieldsOf[owner]);

/** `field` of `owner`, with the key behind it where one is given; undefined where there is no such path. */
export function pathOf(owner: Owner, field: string, key: string | undefined): Path | undefined {
  const whole = Object.hasOwn(fieldsOf[owner], field) ? fieldsOf[owner][field] : undefined;
  if (whole === undefined) return undefined;
  const name = `${owner}.${field}`;
  if (key === undefined) return { id: name, owner, field, key, read: whole };
  const read = field === 'attributes' ? attribute(attributesField[owner], key) : member(whole, key);
  return { id: `${name}[${JSON.stringify(key)}]`, owner, field, key, read };
}

/** Asked of a span alone: it has no parent. */
export const rootPath: Path = {
  id: 'root',
  owner: 'span',
  field: 'root',
  key: undefined,
  read: (buf, start, end) => /^0*$/.test(hex(buf, start, end, Span.parentSpanId, 8)),
};

function attribute(field: number, key: string): ReadPath {
  const bytes = new TextEncoder().encode(key);
  return (buf, start, end) => {
    const at = findAttribute(buf, start, end, field, bytes);
    return at < 0 ? null : readAnyValue(buf, at, foundEnd);
  };
}

/** A member of the tracestate: empty where it has none, nil where it is none. */
const member =
  (whole: ReadPath, key: string): ReadPath =>
  (buf, start, end) =>
    tracestateMember(whole(buf, start, end) as string, key);

/** Between two moments, as Go's Time.Sub. */
export const between = (later: Moment, earlier: Moment): Duration => new Duration(later.ns - earlier.ns);
