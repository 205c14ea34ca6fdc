import { Span, Status, StatusCode, tag, WireType } from '../wire/otlp.ts';
import { Reader } from '../wire/reader.ts';
import type { AttributeTerms } from './attribute-terms.ts';
import type { Summary } from './digest.ts';
import { nameTerm } from './terms.ts';

const { varint, fixed64, length } = WireType;
const traceIdTag = tag(Span.traceId, length);
const nameTag = tag(Span.name, length);
const startTag = tag(Span.startTimeUnixNano, fixed64);
const endTag = tag(Span.endTimeUnixNano, fixed64);
const attributesTag = tag(Span.attributes, length);
const statusTag = tag(Span.status, length);
const codeTag = tag(Status.code, varint);

/** What the spans of one part come to; times are Unix nanoseconds as doubles, 0 where no span has one. */
export interface Totals extends Summary {
  startNs: number;
  endNs: number;
}

const nothing = new Uint8Array(0);
const span = new Reader(nothing);
const name = new Reader(nothing);
const nested = new Reader(nothing);
const probe = new Reader(nothing);
const id = new Reader(nothing);

/** Adds the span in these bytes of the request to the totals of its part. */
export function addSpan(request: Uint8Array, start: number, end: number, totals: Totals, attributes: AttributeTerms) {
  let startNs = 0;
  let endNs = 0;
  span.goTo(request, start, end);
  name.goTo(nothing, 0, 0);
  while (span.next()) {
    const field = span.field * 8 + span.wireType;
    if (field === attributesTag) attributes.read(span, nested, 'span', totals.terms);
    else if (field === nameTag) name.enter(span);
    else if (field === startTag) startNs = readNanoseconds(span);
    else if (field === endTag) endNs = readNanoseconds(span);
    else if (field === statusTag) totals.errors += isError(nested.enter(span)) ? 1 : 0;
    else span.skip();
  }
  // Of a name that stands there twice the last one counts; an empty one is left out on the wire, and is searched for
  // all the same.
  addName(totals, attributes);
  if (startNs > 0) totals.startNs = totals.startNs === 0 ? startNs : Math.min(totals.startNs, startNs);
  totals.endNs = Math.max(totals.endNs, startNs, endNs);
  totals.longestNs = Math.max(totals.longestNs, endNs - startNs);
}

/**
 * On the bytes of the span's trace ID, as lent: the first field of every encoder we know of, and it may stand anywhere.
 */
export function traceIdOf(r: Reader): Reader {
  probe.goTo(r.buf, r.pos, r.end);
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

function addName(totals: Totals, { tags }: AttributeTerms): void {
  const term = nameTerm(name.buf, name.pos, name.end);
  if (totals.terms.add(term) && name.end > name.pos && !tags.knows(term)) tags.note('name', 0, term, name, name);
}

/** As a double: exact to 256 ns in this century, enough for milliseconds and for a search's first look. */
function readNanoseconds(r: Reader): number {
  const low = r.fixed32();
  return r.fixed32() * 4_294_967_296 + low;
}

function isError(status: Reader): boolean {
  let code = 0;
  while (status.next()) {
    if (status.field * 8 + status.wireType === codeTag) code = status.varint();
    else status.skip();
  }
  return code === StatusCode.ERROR;
}
