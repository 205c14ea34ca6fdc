import { Slice } from '../model/slice.ts';
import type { Envelope } from '../wire/envelope.ts';
import { Envelopes } from '../wire/envelopes.ts';
import { isOfSameResource, RequestWriter } from '../wire/request-writer.ts';
import { Writer } from '../wire/writer.ts';
import { PartMemory } from './part-memory.ts';

/** Slices of one request, as a scan found them; see model/slice.ts. */
interface Scanned {
  readonly bytes: Uint8Array;
  readonly rows: Int32Array;
  readonly stride: number;
  readonly count: number;
  /** What a Resource message becomes on its way; as it came where there is none. */
  readonly added?: ((resource: Uint8Array) => Uint8Array) | undefined;
}

/** A part of a request: an ExportTraceServiceRequest of its own. */
export interface Part {
  /** Its owner's to keep. */
  readonly body: Uint8Array;
  readonly spans: number;
}

/** Of a Span field: its tag, and the longest length. */
const spanHeadBytes = 6;
const sectionHeadBytes = 24;

/**
 * Cuts a request into one for each group, in the order of its slices: `groups[i]` is the group of slice i, from 0 to
 * `groupCount`. Slices are copied as they are, and an envelope once for each group that has slices in it.
 */
export class Splitter {
  #order = new Int32Array(1024);
  readonly #memory = new PartMemory();

  /**
   * The parts, by group; undefined where they would have more than `maxBytes` together: of large envelopes around few
   * spans each, every group gets its copy.
   */
  split(scanned: Scanned, groups: Int32Array, groupCount: number, maxBytes: number): Part[] | undefined {
    const starts = this.#sort(scanned.count, groups, groupCount);
    const envelopes = new Envelopes(scanned.bytes, scanned.added);
    const orders = Array.from({ length: groupCount }, (_, group) =>
      this.#order.subarray(starts[group], starts[group + 1]),
    );
    const sizes = orders.map((order) => sizeOf(scanned, order, envelopes));
    if (sizes.reduce((sum, size) => sum + size, 0) > maxBytes) return undefined;
    return orders.map((order, group) => ({
      body: write(scanned, order, envelopes, this.#memory.take(sizes[group])),
      spans: order.length,
    }));
  }

  /** All of a request as one part: a copy of its bytes. */
  whole(bytes: Uint8Array, spans: number): Part {
    const memory = this.#memory.take(bytes.length);
    memory.set(bytes);
    return { body: memory.subarray(0, bytes.length), spans };
  }

  /** A part that was delivered, whose bytes nobody looks at any more. */
  giveBack({ body }: Part): void {
    this.#memory.giveBack(body);
  }

  /** Groups one after the other, each in the slices' order; where each begins, and where the last ends. */
  #sort(count: number, groups: Int32Array, groupCount: number): Int32Array {
    if (count > this.#order.length) this.#order = new Int32Array(count * 2);
    const starts = new Int32Array(groupCount + 1);
    for (let i = 0; i < count; i++) starts[groups[i] + 1]++;
    for (let group = 0; group < groupCount; group++) starts[group + 1] += starts[group];
    const next = starts.slice();
    for (let i = 0; i < count; i++) this.#order[next[groups[i]]++] = i;
    return starts;
  }

  /** Lets go of what a large request needed. */
  trim(): void {
    if (this.#order.length > 65_536) this.#order = new Int32Array(1024);
  }
}

function write(scanned: Scanned, order: Int32Array, envelopes: Envelopes, memory: Uint8Array): Uint8Array {
  const { bytes, rows, stride } = scanned;
  const out = new Writer(memory);
  const request = new RequestWriter(out);
  for (const i of order) {
    const row = i * stride;
    const start = rows[row + Slice.start];
    request.span(envelopeAt(scanned, row, envelopes), bytes, start, start + rows[row + Slice.length]);
  }
  request.end();
  return out.view();
}

/** At most so many bytes, so that the writer never grows. */
function sizeOf(scanned: Scanned, order: Int32Array, envelopes: Envelopes): number {
  let size = 16;
  let last: Envelope | undefined;
  for (const i of order) {
    const row = i * scanned.stride;
    size += spanHeadBytes + scanned.rows[row + Slice.length];
    const envelope = envelopeAt(scanned, row, envelopes);
    if (envelope === last) continue;
    size += sectionHeadBytes + envelope.scope.length + envelope.scopeRest.length;
    if (last === undefined || !isOfSameResource(last, envelope))
      size += envelope.resource.length + envelope.resourceRest.length;
    last = envelope;
  }
  return size;
}

const envelopeAt = ({ rows }: Scanned, row: number, envelopes: Envelopes): Envelope =>
  envelopes.at(rows[row + Slice.resourceSpans], rows[row + Slice.scopeSpans]);
