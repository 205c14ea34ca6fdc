import { Request, ResourceSpans, ScopeSpans, Span, WireType } from '../wire/otlp.ts';
import { Reader } from '../wire/reader.ts';
import { Writer } from '../wire/writer.ts';

const { length, varint } = WireType;

/**
 * A stored trace with each span once, part after part: of those with the same id and kind the first one, as Tempo joins
 * what it reads. A span comes twice when a sender that got no answer sends again.
 */
export class Duplicates {
  readonly #seen = new Set<string>();

  /** The part without what was there before; the bytes themselves where there is nothing to leave out. */
  leftOut(part: Uint8Array): Uint8Array {
    const isFirst: boolean[] = [];
    eachSpan(part, (span) => isFirst.push(this.#seen.size < this.#seen.add(keyOf(span)).size));
    return isFirst.includes(false) ? written(part, isFirst) : part;
  }
}

function eachSpan(trace: Uint8Array, visit: (span: Reader) => void): void {
  for (const resource of children(new Reader(trace), Request.resourceSpans))
    for (const scope of children(resource, ResourceSpans.scopeSpans))
      for (const span of children(scope, ScopeSpans.spans)) visit(span);
}

function* children(r: Reader, field: number): Generator<Reader> {
  while (r.next()) {
    if (r.field === field && r.wireType === length) yield r.message();
    else r.skip();
  }
}

function written(part: Uint8Array, isFirst: readonly boolean[]): Uint8Array {
  const out = new Writer(part.length);
  let i = 0;
  copy(out, new Reader(part), [Request.resourceSpans, ResourceSpans.scopeSpans], () => isFirst[i++]);
  return out.finish();
}

/**
 * Copies a message, the fields of `path` one inside the other, and of the spans in the last those that `isFirst`; how
 * many.
 */
function copy(out: Writer, r: Reader, [field, ...path]: readonly number[], isFirst: () => boolean): number {
  let spans = 0;
  for (let from = r.pos; r.next(); from = r.pos) {
    if (r.wireType !== length || r.field !== (field ?? ScopeSpans.spans)) {
      r.skip();
      out.raw(r.buf, from, r.pos);
    } else if (field === undefined) {
      r.skip();
      if (!isFirst()) continue;
      out.raw(r.buf, from, r.pos);
      spans++;
    } else spans += copyNested(out, r.message(), field, path, isFirst);
  }
  return spans;
}

/** What has no span left is not there either. */
function copyNested(out: Writer, r: Reader, field: number, path: readonly number[], isFirst: () => boolean): number {
  const start = out.pos;
  const mark = out.open(field);
  const spans = copy(out, r, path, isFirst);
  if (spans > 0) out.close(mark);
  else out.pos = start;
  return spans;
}

function keyOf(span: Reader): string {
  let id = '';
  let kind = 0;
  const r = new Reader(span.buf, span.pos, span.end);
  while (r.next()) {
    if (r.field === Span.spanId && r.wireType === length) id = Buffer.from(r.bytes()).toString('latin1');
    else if (r.field === Span.kind && r.wireType === varint) kind = r.varint();
    else r.skip();
  }
  return `${id} ${kind}`;
}
