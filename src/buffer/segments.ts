/**
 * The log that requests land in. A segment is a stretch of off-heap memory; messages are written to the open segment one after
 * the other, and a segment is given back whole, when nothing that lies in it waits any more.
 *
 *   slab (one allocation) = | segment | segment | segment | segment |
 *   segment               = | message | message | … | free | slack |
 *
 * A message larger than a segment gets a segment (and a slab) of its own.
 */
export interface Segment {
  readonly bytes: Uint8Array;
  readonly capacity: number;
  /** Bytes landed so far; the next message starts here. */
  used: number;
  /** Waiting slices that lie here. */
  live: number;
  /** Places handed out whose message has not been accepted or abandoned yet. */
  pending: number;
  /** Pages of slice rows, see slices.ts; given back with the segment. */
  readonly rowPages: number[];
  /** When it was opened, in order of opening. */
  sequence: number;
  readonly slab: number;
}

/** Readable bytes behind the last message of a segment, so that the scan may look ahead without asking. */
const slackBytes = 64;
const largestSegment = 4 * 1024 * 1024;
const smallestSegment = 64 * 1024;
const segmentsPerSlab = 8;

/** A power of two, so that a buffer is at least 32 segments and gives memory back in small parts. */
export function segmentBytesFor(maxBytes: number): number {
  const wanted = 2 ** Math.floor(Math.log2(maxBytes / 32));
  return Math.max(smallestSegment, Math.min(largestSegment, wanted));
}

export class Segments {
  readonly segmentBytes: number;
  readonly maxBytes: number;
  /** Bytes of messages that occupy segments, waiting or not: what the limit is about. */
  bytes = 0;
  /** Segments by number; undefined where a slab was given back. */
  readonly list: (Segment | undefined)[] = [];
  readonly #free: number[] = [];
  /** Of each slab: its segments' numbers, and how many are in use. */
  readonly #slabs: { readonly members: number[]; inUse: number }[] = [];
  readonly #vacant: number[] = [];
  #open = -1;
  #sequence = 0;
  readonly #onFree: (segment: Segment) => void;

  constructor(maxBytes: number, onFree: (segment: Segment) => void) {
    this.maxBytes = maxBytes;
    this.segmentBytes = segmentBytesFor(maxBytes);
    this.#onFree = onFree;
  }

  get(number: number): Segment {
    return this.list[number] as Segment;
  }

  fits(length: number): boolean {
    return this.bytes + length <= this.maxBytes;
  }

  /** The number of a segment with room for `length` bytes at its `used`; the bytes count from now on. */
  reserve(length: number): number {
    let number = this.#open;
    if (number < 0 || this.get(number).used + length > this.get(number).capacity - slackBytes) {
      number = this.#next(length);
    }
    const segment = this.get(number);
    segment.used += length;
    segment.pending++;
    this.bytes += length;
    return number;
  }

  /** To be called whenever `live` or `pending` of a segment went down: gives it back when it is empty. */
  settle(number: number): void {
    const segment = this.get(number);
    if (segment.live > 0 || segment.pending > 0) return;
    this.bytes -= segment.used;
    this.#onFree(segment);
    segment.used = 0;
    if (number !== this.#open) this.#giveBack(number, segment);
  }

  /** Of the segments in which something waits, the one that was opened first; -1 when nothing waits. */
  oldest(): number {
    let best = -1;
    for (let n = 0; n < this.list.length; n++) {
      const segment = this.list[n];
      if (segment === undefined || segment.live === 0) continue;
      if (best < 0 || segment.sequence < this.get(best).sequence) best = n;
    }
    return best;
  }

  #next(length: number): number {
    const closed = this.#open;
    if (length > this.segmentBytes - slackBytes) return this.#claim(this.#allocate(length + slackBytes, 1));
    if (this.#free.length === 0) this.#allocate(this.segmentBytes, segmentsPerSlab);
    this.#free.sort((a, b) => b - a);
    const number = this.#claim(this.#free.pop() as number);
    this.#open = number;
    if (closed >= 0 && this.get(closed).used === 0) this.#giveBack(closed, this.get(closed));
    return number;
  }

  #claim(number: number): number {
    const segment = this.get(number);
    segment.sequence = this.#sequence++;
    this.#slabs[segment.slab].inUse++;
    return number;
  }

  #allocate(capacity: number, count: number): number {
    const memory = new ArrayBuffer(capacity * count);
    const slab = this.#vacant.pop() ?? this.#slabs.length;
    const members: number[] = [];
    for (let i = 0; i < count; i++) {
      const number = this.#emptyNumber();
      const bytes = new Uint8Array(memory, i * capacity, capacity);
      this.list[number] = { bytes, capacity, used: 0, live: 0, pending: 0, rowPages: [], sequence: 0, slab };
      members.push(number);
      if (count > 1) this.#free.push(number);
    }
    this.#slabs[slab] = { members, inUse: 0 };
    return members[0];
  }

  #emptyNumber(): number {
    const gap = this.list.indexOf(undefined);
    return gap >= 0 ? gap : this.list.length;
  }

  /** A slab without a segment in use is given back to the system, unless it is the last one. */
  #giveBack(number: number, segment: Segment): void {
    const slab = this.#slabs[segment.slab];
    slab.inUse--;
    if (slab.members.length > 1) this.#free.push(number);
    if (slab.inUse > 0 || (slab.members.length > 1 && this.#free.length <= slab.members.length)) return;
    for (const member of slab.members) {
      this.list[member] = undefined;
      const at = this.#free.indexOf(member);
      if (at >= 0) this.#free.splice(at, 1);
    }
    this.#vacant.push(segment.slab);
  }
}
