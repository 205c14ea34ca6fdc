import { Event, Link, Span, Status, StatusCode, tag, WireType } from '../wire/otlp.ts';
import { Reader } from '../wire/reader.ts';
import type { AttributeTerms } from './attribute-terms.ts';
import type { Summary } from './digest.ts';
import { notedFields } from './noted-fields.ts';
import type { Slice } from './part-body.ts';
import { nameTerm } from './terms.ts';

const { varint, fixed64, length } = WireType;
const traceIdTag = tag(Span.traceId, length);
const parentTag = tag(Span.parentSpanId, length);
const nameTag = tag(Span.name, length);
const startTag = tag(Span.startTimeUnixNano, fixed64);
const endTag = tag(Span.endTimeUnixNano, fixed64);
const attributesTag = tag(Span.attributes, length);
const eventsTag = tag(Span.events, length);
const linksTag = tag(Span.links, length);
const statusTag = tag(Span.status, length);
const codeTag = tag(Status.code, varint);
const messageTag = tag(Status.message, length);
const eventNameTag = tag(Event.name, length);
const eventAttributesTag = tag(Event.attributes, length);
const linkAttributesTag = tag(Link.attributes, length);

/** What the spans of one part come to; times are Unix milliseconds, down and up, 0 where no span has one. */
export interface Totals extends Summary {
  startMs: number;
  endMs: number;
  /** Spans without a parent. */
  roots: number;
}

const nothing = new Uint8Array(0);
const span = new Reader(nothing);
const name = new Reader(nothing);
const message = new Reader(nothing);
const inner = new Reader(nothing);
const nested = new Reader(nothing);
const probe = new Reader(nothing);
const id = new Reader(nothing);

/** Adds the span in these bytes of the request to the totals of its part. */
export function addSpan(request: Uint8Array, slice: Slice, totals: Totals, attributes: AttributeTerms): void {
  start.ns = start.msDown = start.msUp = end.ns = end.msDown = end.msUp = 0;
  let isRoot = true;
  span.goTo(request, slice.start, slice.end);
  name.goTo(nothing, 0, 0);
  message.goTo(nothing, 0, 0);
  while (span.next()) {
    const field = span.field * 8 + span.wireType;
    if (field === attributesTag) attributes.read(span, 'span', totals.terms);
    else if (field === nameTag) name.enter(span);
    else if (field === startTag) readTime(span, start);
    else if (field === endTag) readTime(span, end);
    else if (field === parentTag) isRoot = isZero(nested.enter(span));
    else if (field === statusTag) totals.errors += readStatus(nested.enter(span)) ? 1 : 0;
    else if (field === eventsTag) readEvent(inner.enter(span), attributes);
    else if (field === linksTag) readLink(inner.enter(span), attributes);
    else span.skip();
  }
  // Of a name that stands there twice the last one counts; an empty one is left out on the wire, and is searched for
  // all the same.
  if (totals.terms.add(nameTerm(name))) attributes.readText(notedFields.name, name);
  attributes.readText(notedFields.statusMessage, message);
  if (isRoot) {
    totals.roots++;
    const service = slice.resource.service ?? { start: 0, end: 0 };
    noteRoot(name, nested.goTo(request, service.start, service.end), attributes);
  }
  if (start.ns > 0) totals.startMs = totals.startMs === 0 ? start.msDown : Math.min(totals.startMs, start.msDown);
  totals.endMs = Math.max(totals.endMs, start.msUp, end.msUp);
  totals.longestNs = Math.max(totals.longestNs, end.ns - start.ns);
}

/** A trace's root is told of by its name and its service; both are empty where it has none. */
export function noteRoot(rootName: Reader, service: Reader, attributes: AttributeTerms): void {
  attributes.readText(notedFields.rootName, rootName);
  attributes.readText(notedFields.rootServiceName, service);
}

/**
 * On the bytes of the span's trace ID, as lent: the first field of every encoder we know of, and it may stand anywhere.
 */
export function traceIdOf(r: Reader): Reader {
  const { buf, pos, end } = r;
  if (end - pos >= 18 && buf[pos] === traceIdTag && buf[pos + 1] === 16) return id.goTo(buf, pos + 2, pos + 18);
  probe.goTo(buf, pos, end);
  id.goTo(noId, 0, noId.length);
  while (probe.next()) {
    if (probe.field * 8 + probe.wireType !== traceIdTag) probe.skip();
    else {
      id.enter(probe);
      if (id.end - id.pos === 16) break;
    }
  }
  return id;
}

const noId = new Uint8Array(16);

interface Time {
  /** As a double: off by up to 128 ns in this century, enough for a search's first look. */
  ns: number;
  /** Exact: a time on a full millisecond, of which a double may lie on either side, is that millisecond. */
  msDown: number;
  msUp: number;
}
const start: Time = { ns: 0, msDown: 0, msUp: 0 };
const end: Time = { ns: 0, msDown: 0, msUp: 0 };

function readTime(r: Reader, time: Time): void {
  const low = r.fixed32();
  const high = r.fixed32();
  time.ns = high * 4_294_967_296 + low;
  // 2^32 ns are 4294 ms and 967,296 ns.
  const rest = high * 967_296 + low;
  time.msDown = high * 4294 + Math.floor(rest / 1e6);
  time.msUp = high * 4294 + Math.ceil(rest / 1e6);
}

function isZero({ buf, pos, end }: Reader): boolean {
  for (let i = pos; i < end; i++) if (buf[i] !== 0) return false;
  return true;
}

/** Whether it is an error; leaves `message` on its message. */
function readStatus(status: Reader): boolean {
  let code = 0;
  while (status.next()) {
    const field = status.field * 8 + status.wireType;
    if (field === codeTag) code = status.varint();
    else if (field === messageTag) message.enter(status);
    else status.skip();
  }
  return code === StatusCode.ERROR;
}

function readEvent(event: Reader, attributes: AttributeTerms): void {
  eventName.goTo(nothing, 0, 0);
  while (event.next()) {
    const field = event.field * 8 + event.wireType;
    if (field === eventAttributesTag) attributes.read(event, 'event');
    else if (field === eventNameTag) eventName.enter(event);
    else event.skip();
  }
  attributes.readText(notedFields.eventName, eventName);
}

const eventName = new Reader(nothing);

function readLink(link: Reader, attributes: AttributeTerms): void {
  while (link.next()) {
    if (link.field * 8 + link.wireType === linkAttributesTag) attributes.read(link, 'link');
    else link.skip();
  }
}
