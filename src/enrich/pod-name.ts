import { ResourceSpans } from '../wire/otlp.ts';
import { MalformedError, Reader } from '../wire/reader.ts';
import { Writer } from '../wire/writer.ts';
import { podIn } from './pods.ts';

/** Of one request, around its scopes: a few milliseconds. Whoever sends more is no SDK, and its pod is not named. */
const mostFields = 10_000;
const mostResourceBytes = 256 * 1024;

/** What may still be looked at of a request; less than nothing where it has more. */
interface Left {
  fields: number;
  resourceBytes: number;
}

/** Where a Resource message stands in its ResourceSpans: its tag, its bytes. */
interface Place {
  readonly tagAt: number;
  readonly start: number;
  readonly end: number;
}

/**
 * An ExportTraceServiceRequest in which each resource that does not say by itself which pod it is of has `name` as its
 * last attribute, a field of a Resource message: the pieces of `bytes` and what comes between them, in order. undefined
 * where nothing changes, where there is too much to look at, and of what is no such message, which is told by whoever scans
 * it. Spans are skipped, not read.
 */
export function nameThePod(bytes: Uint8Array, end: number, name: Uint8Array): Uint8Array[] | undefined {
  const pieces: Uint8Array[] = [];
  let written = 0;
  try {
    const request = new Reader(bytes, 0, end);
    const left: Left = { fields: mostFields, resourceBytes: mostResourceBytes };
    for (let tagAt = 0; request.next(); tagAt = request.pos) {
      if (--left.fields < 0) return undefined;
      if (request.field !== 1 || request.wireType !== 2) {
        request.skip();
        continue;
      }
      const { pos, end: bodyEnd } = request.message();
      const place = unnamed(bytes, pos, bodyEnd, left);
      if (left.fields < 0 || left.resourceBytes < 0) return undefined;
      if (place === undefined) continue;
      const head = resourceHead(place.end - place.start + name.length);
      const grown = bodyEnd - pos - (place.start - place.tagAt) + head.length + name.length;
      pieces.push(bytes.subarray(written, tagAt), requestHead(grown), bytes.subarray(pos, place.tagAt), head);
      pieces.push(bytes.subarray(place.start, place.end), name);
      written = place.end;
    }
  } catch (error) {
    if (error instanceof MalformedError) return undefined;
    throw error;
  }
  if (written === 0) return undefined;
  pieces.push(bytes.subarray(written, end));
  return pieces;
}

/** The last resource of a ResourceSpans in which none names its pod; an empty place at its beginning where there is none. */
function unnamed(bytes: Uint8Array, start: number, end: number, left: Left): Place | undefined {
  let place: Place = { tagAt: start, start, end: start };
  const resourceSpans = new Reader(bytes, start, end);
  for (let tagAt = start; resourceSpans.next(); tagAt = resourceSpans.pos) {
    if (--left.fields < 0) return undefined;
    if (resourceSpans.field !== ResourceSpans.resource || resourceSpans.wireType !== 2) {
      resourceSpans.skip();
      continue;
    }
    const resource = resourceSpans.message();
    left.resourceBytes -= resource.end - resource.pos;
    if (left.resourceBytes < 0) return undefined;
    place = { tagAt, start: resource.pos, end: resource.end };
    const { uid, ip } = podIn(resource);
    if (uid !== undefined || ip !== undefined) return undefined;
  }
  return place;
}

const requestHead = (length: number): Uint8Array => headOf(1, length);
const resourceHead = (length: number): Uint8Array => headOf(ResourceSpans.resource, length);

function headOf(field: number, length: number): Uint8Array {
  const head = new Writer(8);
  head.tag(field, 2);
  head.varint(length);
  return head.finish();
}
