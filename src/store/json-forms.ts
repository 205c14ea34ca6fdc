import {
  AnyValue,
  Event,
  KeyValue,
  Link,
  ListValue,
  Resource,
  ResourceSpans,
  Scope,
  ScopeSpans,
  Span,
  Status,
} from '../wire/otlp.ts';
import type { Reader } from '../wire/reader.ts';

/** How one field is written: its JSON name, its wire type, and how its value is read. */
interface ValueForm {
  readonly name: string;
  readonly wireType: number;
  /** undefined leaves the field out, as jsonpb does with zero values. */
  readonly read: (r: Reader) => unknown;
}
/** The same of a message inside. */
interface NestedForm {
  readonly name: string;
  readonly wireType: number;
  readonly repeated: boolean;
  readonly form: () => MessageForm;
}
/** By field number. */
export type MessageForm = Readonly<Record<number, ValueForm | NestedForm>>;

const base64 = (r: Reader): string => {
  const bytes = r.bytes();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
};
const text = (name: string): ValueForm => ({ name, wireType: 2, read: (r) => r.string() || undefined });
const id = (name: string): ValueForm => ({ name, wireType: 2, read: (r) => base64(r) || undefined });
const time = (name: string): ValueForm => ({ name, wireType: 1, read: (r) => withoutZero(String(r.fixed64())) });
const count = (name: string): ValueForm => ({ name, wireType: 0, read: (r) => r.varint() || undefined });
const flags = (name: string): ValueForm => ({ name, wireType: 5, read: (r) => r.fixed32() || undefined });
const one = (name: string, form: () => MessageForm): NestedForm => ({ name, wireType: 2, repeated: false, form });
const many = (name: string, form: () => MessageForm): NestedForm => ({ ...one(name, form), repeated: true });
const named = (name: string, names: readonly string[]): ValueForm => ({
  name,
  wireType: 0,
  read: (r) => {
    const value = r.varint();
    return value === 0 ? undefined : (names[value] ?? value);
  },
});

const withoutZero = (digits: string): string | undefined => (digits === '0' ? undefined : digits);

/** A double as protobuf's JSON mapping has it: what JSON has no number for becomes a string. */
const double = (r: Reader): number | string => {
  const value = r.double();
  return Number.isFinite(value) ? value : String(value);
};

export const anyValue: MessageForm = {
  [AnyValue.string]: { name: 'stringValue', wireType: 2, read: (r) => r.string() },
  [AnyValue.bool]: { name: 'boolValue', wireType: 0, read: (r) => r.varint() !== 0 },
  [AnyValue.int]: { name: 'intValue', wireType: 0, read: (r) => String(r.int64()) },
  [AnyValue.double]: { name: 'doubleValue', wireType: 1, read: double },
  [AnyValue.array]: one('arrayValue', () => listOf(anyValue)),
  [AnyValue.kvlist]: one('kvlistValue', () => listOf(keyValue)),
  [AnyValue.bytes]: { name: 'bytesValue', wireType: 2, read: base64 },
};
const keyValue: MessageForm = { [KeyValue.key]: text('key'), [KeyValue.value]: one('value', () => anyValue) };
const listOf = (form: MessageForm): MessageForm => ({ [ListValue.values]: many('values', () => form) });
const attributes = many('attributes', () => keyValue);

const status: MessageForm = {
  [Status.message]: text('message'),
  [Status.code]: named('code', ['', 'STATUS_CODE_OK', 'STATUS_CODE_ERROR']),
};
const event: MessageForm = {
  [Event.timeUnixNano]: time('timeUnixNano'),
  [Event.name]: text('name'),
  [Event.attributes]: attributes,
  [Event.droppedAttributesCount]: count('droppedAttributesCount'),
};
const link: MessageForm = {
  [Link.traceId]: id('traceId'),
  [Link.spanId]: id('spanId'),
  [Link.traceState]: text('traceState'),
  [Link.attributes]: attributes,
  [Link.droppedAttributesCount]: count('droppedAttributesCount'),
  [Link.flags]: flags('flags'),
};
const span: MessageForm = {
  [Span.traceId]: id('traceId'),
  [Span.spanId]: id('spanId'),
  [Span.traceState]: text('traceState'),
  [Span.parentSpanId]: id('parentSpanId'),
  [Span.flags]: flags('flags'),
  [Span.name]: text('name'),
  [Span.kind]: named(
    'kind',
    ['', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'].map((kind) => `SPAN_KIND_${kind}`),
  ),
  [Span.startTimeUnixNano]: time('startTimeUnixNano'),
  [Span.endTimeUnixNano]: time('endTimeUnixNano'),
  [Span.attributes]: attributes,
  [Span.droppedAttributesCount]: count('droppedAttributesCount'),
  [Span.events]: many('events', () => event),
  [Span.droppedEventsCount]: count('droppedEventsCount'),
  [Span.links]: many('links', () => link),
  [Span.droppedLinksCount]: count('droppedLinksCount'),
  [Span.status]: one('status', () => status),
};
const scope: MessageForm = {
  [Scope.name]: text('name'),
  [Scope.version]: text('version'),
  [Scope.attributes]: attributes,
  [Scope.droppedAttributesCount]: count('droppedAttributesCount'),
};
const scopeSpans: MessageForm = {
  [ScopeSpans.scope]: one('scope', () => scope),
  [ScopeSpans.spans]: many('spans', () => span),
  [ScopeSpans.schemaUrl]: text('schemaUrl'),
};
const resource: MessageForm = {
  [Resource.attributes]: attributes,
  [Resource.droppedAttributesCount]: count('droppedAttributesCount'),
};
export const resourceSpans: MessageForm = {
  [ResourceSpans.resource]: one('resource', () => resource),
  [ResourceSpans.scopeSpans]: many('scopeSpans', () => scopeSpans),
  [ResourceSpans.schemaUrl]: text('schemaUrl'),
};

/** Objects that are there where they are empty, as in Tempo: its readers look into them. */
export const alwaysThere: ReadonlyMap<MessageForm, string> = new Map<MessageForm, string>([
  [resourceSpans, 'resource'],
  [scopeSpans, 'scope'],
  [span, 'status'],
]);
