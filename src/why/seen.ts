import type { AttributeOwner, SpanPlace } from '../model/predicates.ts';
import { readEnvelope } from '../wire/envelope.ts';
import { AnyValue, Event, KeyValue, Resource, Scope, Span } from '../wire/otlp.ts';
import { Reader } from '../wire/reader.ts';

/** What a sentence about a span says of it. */
interface SeenSpan {
  readonly name: string;
  readonly service: string;
  /** End − start; 0 where one of them is missing. */
  readonly ns: number;
  /** Unix time; 0 where it is missing. */
  readonly startNs: bigint;
  readonly endNs: bigint;
}

const longest = 80;

export function seenSpan(place: SpanPlace): SeenSpan {
  const r = new Reader(place.buf, place.start, place.end);
  let [name, start, end] = ['', 0n, 0n];
  while (r.next()) {
    if (r.field === Span.name) name = r.string();
    else if (r.field === Span.startTimeUnixNano) start = r.fixed64();
    else if (r.field === Span.endTimeUnixNano) end = r.fixed64();
    else r.skip();
  }
  const ns = start === 0n || end === 0n ? 0 : Number(end - start);
  return {
    name: cut(name),
    service: attributeText(place, 'resource', 'service.name') ?? '',
    ns,
    startNs: start,
    endNs: end,
  };
}

/** The value of an attribute in words, cut to a readable length; undefined where it is not there. */
export function attributeText(place: SpanPlace, of: AttributeOwner, key: string): string | undefined {
  if (of === 'span') return attribute(place.buf, place.start, place.end, { field: Span.attributes, key });
  if (of === 'event') return eventAttribute(place, key);
  const { resource, scope } = readEnvelope(place.buf, place.resourceSpansAt, place.scopeSpansAt);
  const [message, field] = of === 'resource' ? [resource, Resource.attributes] : [scope, Scope.attributes];
  return attribute(message, 0, message.length, { field, key });
}

function eventAttribute({ buf, start, end }: SpanPlace, key: string): string | undefined {
  const r = new Reader(buf, start, end);
  while (r.next()) {
    if (r.field !== Span.events) {
      r.skip();
      continue;
    }
    const event = r.bytes();
    const found = attribute(event, 0, event.length, { field: Event.attributes, key });
    if (found !== undefined) return found;
  }
  return undefined;
}

function attribute(
  buf: Uint8Array,
  start: number,
  end: number,
  of: { field: number; key: string },
): string | undefined {
  const r = new Reader(buf, start, end);
  while (r.next()) {
    if (r.field !== of.field) {
      r.skip();
      continue;
    }
    const pair = new Reader(r.bytes());
    let [key, value] = ['', new Uint8Array(0) as Uint8Array];
    while (pair.next()) {
      if (pair.field === KeyValue.key) key = pair.string();
      else if (pair.field === KeyValue.value) value = pair.bytes();
      else pair.skip();
    }
    if (key === of.key) return valueText(value);
  }
  return undefined;
}

function valueText(value: Uint8Array): string {
  const r = new Reader(value);
  let text = 'nothing';
  while (r.next()) {
    if (r.field === AnyValue.string) text = cut(JSON.stringify(r.string()));
    else if (r.field === AnyValue.bool) text = r.varint() === 0 ? 'false' : 'true';
    else if (r.field === AnyValue.int) text = String(r.int64());
    else if (r.field === AnyValue.double) text = String(r.double());
    else {
      text = 'a list, a map or bytes';
      r.skip();
    }
  }
  return text;
}

const cut = (text: string): string => (text.length > longest ? `${text.slice(0, longest - 1)}…` : text);
