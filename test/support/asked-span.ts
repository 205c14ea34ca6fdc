import { readAnyValue } from '../../src/decide/ottl/value.ts';
import type { SpanAtom, SpanPlace, SpanPredicate, ValueTest } from '../../src/model/predicates.ts';
import { readResource, readScope } from '../../src/wire/envelope.ts';
import { findAttribute, findField, foundEnd, nextMessage } from '../../src/wire/fields.ts';
import { Event, Resource, ResourceSpans, Scope, ScopeSpans, Span, Status } from '../../src/wire/otlp.ts';
import { Reader } from '../../src/wire/reader.ts';
import { ExportRequestType, type RequestObject } from './otlp.ts';

/** The one span of a request, encoded by protobufjs, and where it and what surrounds it lie. */
export function placeOf(request: RequestObject): SpanPlace {
  const buf = new Uint8Array([
    ...ExportRequestType.encode(ExportRequestType.fromObject(request)).finish(),
    ...new Uint8Array(16),
  ]);
  const outer = new Reader(buf, 1, buf.length - 16);
  const resourceSpansAt = outer.pos;
  const resourceSpans = within(outer.message(), ResourceSpans.scopeSpans);
  const scopeSpansAt = resourceSpans.pos;
  const spans = within(resourceSpans.message(), ScopeSpans.spans);
  const span = spans.message();
  const at = { resourceSpansAt, scopeSpansAt, resourceNumber: 0, scopeNumber: 0 };
  return { buf, start: span.pos, end: span.end, ...at };
}

function within(r: Reader, field: number): Reader {
  while (r.next() && r.field !== field) r.skip();
  return r;
}

/** A predicate, asked in the plainest way, as an oracle for whoever lowers to predicates, and whoever compiles them. */
export function asked(predicate: SpanPredicate, place: SpanPlace): boolean {
  if (predicate.op === 'and') return predicate.of.every((part) => asked(part, place));
  if (predicate.op === 'or') return predicate.of.some((part) => asked(part, place));
  if (predicate.op === 'not') return !asked(predicate.of, place);
  return atomHolds(predicate as SpanAtom, place);
}

function atomHolds(atom: SpanAtom, place: SpanPlace): boolean {
  const { buf, start, end } = place;
  const varint = (field: number, from = start, to = end) => {
    const at = findField(buf, from, to, field, 0);
    return at < 0 ? 0 : new Reader(buf, at, foundEnd).varint();
  };
  const fixed = (field: number, type: number) => {
    const at = findField(buf, start, end, field, type);
    if (at < 0) return 0n;
    const r = new Reader(buf, at, foundEnd);
    return type === 1 ? r.fixed64() : BigInt(r.fixed32());
  };
  const string = (field: number) => {
    const at = findField(buf, start, end, field, 2);
    return at < 0 ? undefined : Buffer.from(buf.subarray(at, foundEnd)).toString();
  };
  switch (atom.op) {
    case 'status': {
      const at = findField(buf, start, end, Span.status, 2);
      const code = at < 0 ? 0 : varint(Status.code, at, foundEnd);
      return atom.codes.some((name) => ['UNSET', 'OK', 'ERROR'][code] === name);
    }
    case 'kind':
      return atom.kinds.includes(varint(Span.kind));
    case 'duration': {
      const [from, to] = [fixed(Span.startTimeUnixNano, 1), fixed(Span.endTimeUnixNano, 1)];
      return inRange(from === 0n || to === 0n ? 0 : Number(to - from), atom.ns);
    }
    case 'root':
      return /^\0*$/.test(string(Span.parentSpanId) ?? '');
    case 'sampled':
      return (fixed(Span.flags, 5) & 1n) === 1n;
    case 'tracestate':
      return (string(Span.traceState) ?? '')
        .split(',')
        .some((member) => atom.values.some((value) => member.trim() === `${atom.key}=${value}`));
    case 'text':
      return texts(atom.of, place).some(([from, at, to]) => textIs(atom.is, from, at, to));
    case 'attribute':
      return owners(atom.of, place).some(([bytes, from, to, field]) => {
        const at = findAttribute(bytes, from, to, field, Buffer.from(atom.key));
        return at >= 0 && valueIs(atom.is, bytes, at, foundEnd);
      });
    case 'ask':
      return atom.test(place);
  }
}

type Found = readonly [bytes: Uint8Array, start: number, end: number];

function owners(
  owner: Extract<SpanAtom, { op: 'attribute' }>['of'],
  place: SpanPlace,
): (readonly [...Found, field: number])[] {
  const { buf, start, end, resourceSpansAt, scopeSpansAt } = place;
  const all = (bytes: Uint8Array) => [bytes, 0, bytes.length] as const;
  if (owner === 'span') return [[buf, start, end, Span.attributes]];
  if (owner === 'resource') return [[...all(readResource(buf, resourceSpansAt).resource), Resource.attributes]];
  if (owner === 'scope') return [[...all(readScope(buf, scopeSpansAt).scope), Scope.attributes]];
  return events(place).map((event) => [...event, Event.attributes] as const);
}

function events({ buf, start, end }: SpanPlace): Found[] {
  const found: Found[] = [];
  for (let at = nextMessage(buf, start, end, Span.events); at >= 0; at = nextMessage(buf, foundEnd, end, Span.events))
    found.push([buf, at, foundEnd]);
  return found;
}

function texts(of: Extract<SpanAtom, { op: 'text' }>['of'], place: SpanPlace): Found[] {
  const { buf, start, end, scopeSpansAt } = place;
  const field = (bytes: Uint8Array, from: number, to: number, number: number): Found[] => {
    const at = findField(bytes, from, to, number, 2);
    return at < 0 ? [] : [[bytes, at, foundEnd]];
  };
  if (of === 'name') return field(buf, start, end, Span.name);
  if (of === 'event name') return events(place).flatMap(([bytes, from, to]) => field(bytes, from, to, Event.name));
  if (of === 'status message') {
    return field(buf, start, end, Span.status).flatMap(([bytes, from, to]) => field(bytes, from, to, Status.message));
  }
  const { scope } = readScope(buf, scopeSpansAt);
  return field(scope, 0, scope.length, of === 'scope name' ? Scope.name : Scope.version);
}

function textIs(is: ValueTest, buf: Uint8Array, start: number, end: number): boolean {
  if (is.is === 'asked') return is.test(buf, start, end);
  return (
    is.is === 'present' || (is.is === 'string' && is.values.includes(Buffer.from(buf.subarray(start, end)).toString()))
  );
}

function valueIs(is: ValueTest, buf: Uint8Array, start: number, end: number): boolean {
  if (is.is === 'asked') return is.test(buf, start, end);
  const value = readAnyValue(buf, start, end);
  if (is.is === 'string') return typeof value === 'string' && is.values.includes(value);
  if (is.is === 'boolean') return value === is.value;
  if (is.is === 'present') return true;
  return (typeof value === 'bigint' || typeof value === 'number') && inRange(Number(value), is.range);
}

function inRange(
  value: number,
  {
    min = -Infinity,
    max = Infinity,
    minExclusive,
    maxExclusive,
  }: { min?: number; max?: number; minExclusive?: boolean; maxExclusive?: boolean },
): boolean {
  return (minExclusive ? value > min : value >= min) && (maxExclusive ? value < max : value <= max);
}
