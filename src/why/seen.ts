import type { AttributeOwner, SpanPlace } from '../model/predicates.ts';
import { readEnvelope } from '../wire/envelope.ts';
import { findAttribute, foundEnd, nextMessage } from '../wire/fields.ts';
import { AnyValue, Event, Resource, Scope, Span } from '../wire/otlp.ts';
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
const utf8 = new TextEncoder();

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
  for (let at = nextMessage(buf, start, end, Span.events); at >= 0; ) {
    const eventEnd = foundEnd;
    const found = attribute(buf, at, eventEnd, { field: Event.attributes, key });
    if (found !== undefined) return found;
    at = nextMessage(buf, eventEnd, end, Span.events);
  }
  return undefined;
}

function attribute(
  buf: Uint8Array,
  start: number,
  end: number,
  { field, key }: { field: number; key: string },
): string | undefined {
  const at = findAttribute(buf, start, end, field, utf8.encode(key));
  return at < 0 ? undefined : valueText(buf.subarray(at, foundEnd));
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
