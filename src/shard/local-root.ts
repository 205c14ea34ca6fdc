import { Span } from '../wire/otlp.ts';
import { Reader } from '../wire/reader.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');

/**
 * In a trace without a root: the index of the first span whose parent is not among the trace's spans, its local root; 0
 * where parents form a circle. Spans are (buffer, start, end) triples. For kept traces without a root only.
 */
export function localRoot(spans: readonly (readonly [Uint8Array, number, number])[]): number {
  const ids = new Set<string>();
  const parents = spans.map(([buf, start, end]) => {
    const reader = new Reader(buf, start, end);
    let parent = '';
    while (reader.next()) {
      if (reader.field === Span.spanId) ids.add(hex(reader.bytes()));
      else if (reader.field === Span.parentSpanId) parent = hex(reader.bytes());
      else reader.skip();
    }
    return parent;
  });
  return Math.max(
    0,
    parents.findIndex((parent) => !ids.has(parent)),
  );
}
