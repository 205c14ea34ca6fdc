import { Request, ResourceSpans, ScopeSpans, WireType } from '../wire/otlp.ts';
import { fieldBytes, type Writer } from '../wire/writer.ts';

/** A run of bytes in the request. */
export interface Range {
  readonly start: number;
  end: number;
}

/** What surrounds spans: the fields of ResourceSpans or ScopeSpans other than the nested ones, tags included. */
export interface Envelope {
  readonly fields: Range[];
  /** Of all of them together. */
  bytes: number;
  terms: Int32Array;
}

/** Adds a field to an envelope. Neighbours become one run: a sender may put millions of fields side by side. */
export function addField(envelope: Envelope, start: number, end: number): void {
  const { fields } = envelope;
  envelope.bytes += end - start;
  const last = fields.at(-1);
  if (last?.end === start) last.end = end;
  else fields.push({ start, end });
}

export interface ResourceEnvelope extends Envelope {
  /** The text of its first service.name, empty where that is no text; undefined where it has none. */
  service: Readonly<Range> | undefined;
}

export interface Slice extends Range {
  readonly resource: ResourceEnvelope;
  readonly scope: Envelope;
}

/** About as many bytes as writeBody writes. */
export function bodyBytes(slices: readonly Slice[]): number {
  let bytes = 0;
  let around: Slice | undefined;
  for (const slice of slices) {
    bytes += slice.end - slice.start;
    if (slice.resource !== around?.resource) bytes += slice.resource.bytes;
    if (slice.scope !== around?.scope) bytes += slice.scope.bytes;
    around = slice;
  }
  return bytes;
}

/**
 * Writes one trace's spans of a request with what surrounded them, all of it byte for byte; the result is the writer's.
 */
export function writeBody(request: Uint8Array, slices: readonly Slice[], w: Writer): Uint8Array {
  for (let i = 0; i < slices.length; ) {
    const { resource } = slices[i];
    const resourceMark = w.open(Request.resourceSpans);
    for (const { start, end } of resource.fields) w.raw(request, start, end);
    while (i < slices.length && slices[i].resource === resource) i = writeScope(request, slices, i, w);
    w.close(resourceMark);
  }
  return w.view();
}

function writeScope(request: Uint8Array, slices: readonly Slice[], first: number, w: Writer): number {
  const { scope } = slices[first];
  const mark = w.open(ResourceSpans.scopeSpans);
  for (const { start, end } of scope.fields) w.raw(request, start, end);
  let i = first;
  while (i < slices.length && slices[i].scope === scope) {
    const { start } = slices[i];
    let { end } = slices[i++];
    w.tag(ScopeSpans.spans, WireType.length);
    w.varint(end - start);
    // Spans that follow each other are one run, tags and lengths included, where these are as they are written here.
    for (; i < slices.length && slices[i].scope === scope && isNext(slices[i], end); i++) end = slices[i].end;
    w.raw(request, start, end);
  }
  w.close(mark);
  return i;
}

/** Whether there is nothing but a tag and a length of as few bytes as can be between the two. */
const isNext = ({ start, end }: Range, last: number): boolean => last + fieldBytes(end - start) === end;
