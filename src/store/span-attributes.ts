import type { AttributeScope, Field } from '../traceql/ast.ts';
import { AnyValue, KeyValue, ListValue } from '../wire/otlp.ts';
import { Reader } from '../wire/reader.ts';
import type { SpanView } from './span-view.ts';

/** An attribute, or one looked up in the span first and then in its resource (`any`). */
export type AttributeField = Extract<Field, { type: 'attribute' }>;

/** The keys of a span's attributes in a scope, as often as they are there. */
export function* keysOf(span: SpanView, scope: Exclude<AttributeScope, 'any'>): Generator<string> {
  const { messages, field } = span.attributesOf(scope);
  for (const message of messages) for (const { key } of attributesIn(message, field)) yield key;
}

/** Cursors at the AnyValues of an attribute as they came: one of each event or link, else at most one. */
export function anyValuesOf(span: SpanView, field: AttributeField): Reader[] {
  if (field.scope !== 'any') return inScope(span, field.scope, field.key);
  const [own] = inScope(span, 'span', field.key);
  return own === undefined ? inScope(span, 'resource', field.key) : [own];
}

/** The elements of a list, each again an AnyValue; undefined for what is no list. */
export function elementsOf(value: Reader): Reader[] | undefined {
  const r = new Reader(value.buf, value.pos, value.end);
  let elements: Reader[] | undefined;
  while (r.next()) {
    if (r.field === AnyValue.array && r.wireType === 2) elements = messagesIn(r.message(), ListValue.values);
    else r.skip();
  }
  return elements;
}

function inScope(span: SpanView, scope: Exclude<AttributeScope, 'any'>, wanted: string): Reader[] {
  const { messages, field } = span.attributesOf(scope);
  return messages.flatMap((message) => {
    for (const { key, value } of attributesIn(message, field))
      if (key === wanted) return value.pos < value.end ? value : [];
    return [];
  });
}

function* attributesIn(message: Reader, field: number): Generator<{ readonly key: string; readonly value: Reader }> {
  for (const attribute of eachMessageIn(message, field)) {
    let key = '';
    let value = new Reader(attribute.buf, attribute.end, attribute.end);
    while (attribute.next()) {
      if (attribute.field === KeyValue.key && attribute.wireType === 2) key = attribute.string();
      else if (attribute.field === KeyValue.value && attribute.wireType === 2) value = attribute.message();
      else attribute.skip();
    }
    yield { key, value };
  }
}

const messagesIn = (r: Reader, field: number): Reader[] => [...eachMessageIn(r, field)];

function* eachMessageIn(r: Reader, field: number): Generator<Reader> {
  while (r.next()) {
    if (r.field === field && r.wireType === 2) yield r.message();
    else r.skip();
  }
}
