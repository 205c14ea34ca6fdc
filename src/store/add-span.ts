import { Span, Status, StatusCode, tag, WireType } from '../wire/otlp.ts';
import { Reader } from '../wire/reader.ts';
import { readAttribute, type TagSink } from './attribute-terms.ts';
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
export interface Totals {
  readonly terms: Set<number>;
  errors: number;
  longestNs: number;
  startNs: number;
  endNs: number;
}

/** Adds one span to the totals of its part. */
export function addSpan(r: Reader, totals: Totals, tags: TagSink): void {
  let start = 0;
  let end = 0;
  let name = noName;
  while (r.next()) {
    const field = r.field * 8 + r.wireType;
    if (field === attributesTag) readAttribute(r.message(), 'span', totals.terms, tags);
    else if (field === nameTag) name = r.message();
    else if (field === startTag) start = readNanoseconds(r);
    else if (field === endTag) end = readNanoseconds(r);
    else if (field === statusTag) totals.errors += isError(r.message()) ? 1 : 0;
    else r.skip();
  }
  // Of a name that stands there twice the last one counts; an empty one is left out on the wire, and is searched for all the same.
  addName(name, totals, tags);
  if (start > 0) totals.startNs = totals.startNs === 0 ? start : Math.min(totals.startNs, start);
  totals.endNs = Math.max(totals.endNs, start, end);
  totals.longestNs = Math.max(totals.longestNs, end - start);
}

/** The trace ID is the first field of every encoder we know of, and may stand anywhere. */
export function traceIdOf(r: Reader): Uint8Array {
  const probe = new Reader(r.buf, r.pos, r.end);
  let traceId: Uint8Array = new Uint8Array(16);
  while (probe.next()) {
    if (probe.field * 8 + probe.wireType !== traceIdTag) probe.skip();
    else {
      traceId = probe.bytes();
      if (traceId.length === 16) break;
    }
  }
  return traceId;
}

const noName = new Reader(new Uint8Array(0));

function addName(name: Reader, totals: Totals, tags: TagSink): void {
  const term = nameTerm(name.buf, name.pos, name.end);
  if (totals.terms.has(term)) return;
  totals.terms.add(term);
  if (name.end > name.pos) tags.note('name', 0, term, name, name);
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
