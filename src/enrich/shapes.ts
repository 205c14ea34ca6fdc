import { AnyValue, Event, KeyValue, Link, ListValue, Resource, Scope, Span, Status } from '../wire/otlp.ts';

/** A text, or bytes that are one when they are valid UTF-8. */
export type Text = 'text' | 'bytes';

/** Where in a message texts and attributes are: by field number, a text, or a message with a shape of its own. */
export type Shape = ReadonlyMap<number, Shape | Text>;

const value = new Map<number, Shape | Text>([[AnyValue.string, 'text']]);
export const attribute: Shape = new Map([[KeyValue.value, value]]);
/** An ArrayValue: what an item is may hang on the one before it. */
export const list: Shape = new Map([[ListValue.values, value]]);
/** A KeyValueList. */
export const map: Shape = new Map([[ListValue.values, attribute]]);
value.set(AnyValue.array, list).set(AnyValue.kvlist, map).set(AnyValue.bytes, 'bytes');

const event: Shape = new Map<number, Shape | Text>([[Event.name, 'text']]).set(Event.attributes, attribute);
export const spanShape: Shape = new Map<number, Shape | Text>([[Span.name, 'text']])
  .set(Span.attributes, attribute)
  .set(Span.events, event)
  .set(Span.links, new Map([[Link.attributes, attribute]]))
  .set(Span.status, new Map([[Status.message, 'text' as const]]));
export const resourceShape: Shape = new Map([[Resource.attributes, attribute]]);
export const scopeShape: Shape = new Map([[Scope.attributes, attribute]]);
