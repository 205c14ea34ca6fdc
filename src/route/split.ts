import { Slice } from '../model/slice.ts';
import { readResource, readScope } from '../wire/envelope.ts';
import { Request, ResourceSpans, ScopeSpans } from '../wire/otlp.ts';
import { Writer } from '../wire/writer.ts';

/** Slices of one request, as a scan found them; see model/slice.ts. */
interface Scanned {
  readonly bytes: Uint8Array;
  readonly rows: Int32Array;
  readonly stride: number;
  readonly count: number;
}

/** A part of a request: an ExportTraceServiceRequest of its own. */
export interface Part {
  /** Its owner's to keep. */
  readonly body: Uint8Array;
  readonly spans: number;
}

interface Surroundings {
  readonly resource: Uint8Array;
  readonly resourceRest: Uint8Array;
  readonly scope: Uint8Array;
  readonly scopeRest: Uint8Array;
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
  /** By slice, which section it is in: a resource and a scope in the order in which they came. */
  #sections = new Int32Array(1024);

  /**
   * The parts, by group; undefined where they would have more than `maxBytes` together: of large envelopes around few
   * spans each, every group gets its copy.
   */
  split(scanned: Scanned, groups: Int32Array, groupCount: number, maxBytes: number): Part[] | undefined {
    const starts = this.#sort(scanned.count, groups, groupCount);
    const around = this.#readSections(scanned);
    const orders = Array.from({ length: groupCount }, (_, group) =>
      this.#order.subarray(starts[group], starts[group + 1]),
    );
    const sizes = orders.map((order) => sizeOf(scanned, order, this.#sections, around));
    if (sizes.reduce((sum, size) => sum + size, 0) > maxBytes) return undefined;
    return orders.map((order, group) => ({
      body: write(scanned, order, this.#sections, around, sizes[group]),
      spans: order.length,
    }));
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

  #readSections({ bytes, rows, stride, count }: Scanned): Surroundings[] {
    if (count > this.#sections.length) this.#sections = new Int32Array(count * 2);
    const found: Surroundings[] = [];
    let resource: ReturnType<typeof readResource> | undefined;
    for (let i = 0, row = 0; i < count; i++, row += stride) {
      const isNewResource = i === 0 || rows[row + Slice.resourceSpans] !== rows[row - stride + Slice.resourceSpans];
      if (isNewResource) resource = readResource(bytes, rows[row + Slice.resourceSpans]);
      if (isNewResource || rows[row + Slice.scopeSpans] !== rows[row - stride + Slice.scopeSpans])
        found.push({ ...(resource as typeof resource & {}), ...readScope(bytes, rows[row + Slice.scopeSpans]) });
      this.#sections[i] = found.length - 1;
    }
    return found;
  }

  /** Lets go of what a large request needed. */
  trim(): void {
    if (this.#order.length > 65_536) this.#order = new Int32Array(1024);
    if (this.#sections.length > 65_536) this.#sections = new Int32Array(1024);
  }
}

function write(
  { bytes, rows, stride }: Scanned,
  order: Int32Array,
  sections: Int32Array,
  around: readonly Surroundings[],
  size: number,
): Uint8Array {
  const out = new Writer(size);
  let resourceAt = 0;
  let scopeAt = 0;
  let last: Surroundings | undefined;
  for (const i of order) {
    const section = around[sections[i]];
    if (section !== last) {
      if (last !== undefined) out.close(scopeAt);
      if (!isOfSameResource(last, section)) {
        if (last !== undefined) out.close(resourceAt);
        resourceAt = out.open(Request.resourceSpans);
        if (section.resource.length > 0) out.bytes(ResourceSpans.resource, section.resource);
        out.raw(section.resourceRest);
      }
      scopeAt = out.open(ResourceSpans.scopeSpans);
      if (section.scope.length > 0) out.bytes(ScopeSpans.scope, section.scope);
      out.raw(section.scopeRest);
      last = section;
    }
    const row = i * stride;
    const start = rows[row + Slice.start];
    out.bytes(ScopeSpans.spans, bytes, start, start + rows[row + Slice.length]);
  }
  if (last !== undefined) {
    out.close(scopeAt);
    out.close(resourceAt);
  }
  return out.view();
}

/** At most so many bytes, so that the writer never grows. */
function sizeOf(
  { rows, stride }: Pick<Scanned, 'rows' | 'stride'>,
  order: Int32Array,
  sections: Int32Array,
  around: readonly Surroundings[],
): number {
  let size = 16;
  let last: Surroundings | undefined;
  for (const i of order) {
    size += spanHeadBytes + rows[i * stride + Slice.length];
    const section = around[sections[i]];
    if (section === last) continue;
    size += sectionHeadBytes + section.scope.length + section.scopeRest.length;
    if (!isOfSameResource(last, section)) size += section.resource.length + section.resourceRest.length;
    last = section;
  }
  return size;
}

const isOfSameResource = (a: Surroundings | undefined, b: Surroundings): boolean =>
  a?.resource === b.resource && a.resourceRest === b.resourceRest;
