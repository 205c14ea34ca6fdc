import { Borrowing, Lending, type LendingMemory, type SlabNotice } from '../buffer/lending.ts';
import type { TraceBuffer } from '../buffer/trace-buffer.ts';
import { Refusal } from '../errors.ts';
import { mixedConditions } from '../model/conditions.ts';
import { Slice, type SliceRows, sliceWords } from '../model/slice.ts';
import { Handover, type HandoverMemory, handoverMemory } from '../route/handover.ts';
import { ownerOf } from '../route/route.ts';

/** What the threads of one gateway share. `handovers[from][to]`; the diagonal is empty. */
export interface SharedMemory {
  readonly lendings: readonly LendingMemory[];
  readonly handovers: readonly (readonly (HandoverMemory | undefined)[])[];
}

const fewestRows = 1024;
const keptTablesBytes = 1 << 20;

/** Words of all rings into one shard, together: a tenth of a second of the fastest traffic. */
const ringWordsPerShard = 1 << 21;
/** Of one tenant's among them, at least: what a request of 40,000 spans needs. */
const fewestRingWords = 1 << 18;

/** Words of each ring of one tenant. */
export function ringWordsFor(shards: number, tenants = 1): number {
  const words = Math.max(fewestRingWords, ringWordsPerShard / tenants);
  return 2 ** Math.floor(Math.log2(words / Math.max(1, shards - 1)));
}

/**
 * This shard's number, and how a notice of a slab goes to another: at any time, but in the order in which it was told.
 */
export interface NeighbourOptions {
  readonly self: number;
  readonly shared: SharedMemory;
  readonly tell: (notice: SlabNotice, to: number) => void;
}

/**
 * A shard's dealings with the others: slices of their traces are handed over as rows, their bytes stay in this shard's
 * segments; and the other way round.
 */
export class Neighbours {
  readonly self: number;
  readonly lending: Lending;
  readonly #count: number;
  readonly #out: (Handover | undefined)[];
  readonly #in: (Handover | undefined)[];
  #borrowing: Borrowing | undefined;
  readonly #lendings: readonly LendingMemory[];
  readonly #counts: Int32Array;
  /** Whose batches are looked at next. */
  #from = 0;
  /** Of the request at hand: the owner of each slice. */
  owners = new Uint8Array(fewestRows);
  /** Of the batch taken over last. */
  rows = new Int32Array(sliceWords * fewestRows);
  segment = -1;
  conditions = 0;
  stride = sliceWords;
  count = 0;

  constructor({ self, shared, tell }: NeighbourOptions) {
    this.self = self;
    this.#count = shared.lendings.length;
    this.#lendings = shared.lendings;
    this.#counts = new Int32Array(this.#count);
    this.lending = new Lending(shared.lendings[self], this.#count, (notice, to) =>
      tell({ ...notice, lender: self }, to),
    );
    const ring = (memory: HandoverMemory | undefined) => memory && new Handover(memory);
    this.#out = shared.handovers[self].map(ring);
    this.#in = shared.handovers.map((from) => ring(from[self]));
  }

  /** Once the shard's buffer is there. */
  join(buffer: TraceBuffer): void {
    this.#borrowing = new Borrowing(buffer.segments, this.#lendings);
  }

  learn(notice: SlabNotice): void {
    this.#borrowing?.learn(notice);
  }

  /** Finds the owner of each slice, for `handOver`; how many stay. */
  assign({ rows, stride, count }: SliceRows): number {
    if (count > this.owners.length) this.owners = new Uint8Array(count * 2);
    this.#counts.fill(0);
    for (let i = 0; i < count; i++) {
      const owner = ownerOf(rows[i * stride + Slice.traceIdD], this.#count);
      this.owners[i] = owner;
      this.#counts[owner]++;
    }
    return this.#counts[this.self];
  }

  /**
   * Hands the slices of other shards' traces to them, as they were assigned, all or, where one of them is too far
   * behind, none. `owners` says which of the slices stay.
   */
  handOver({ rows, stride, count, segment, conditions }: SliceRows): Refusal | undefined {
    for (let to = 0; to < this.#count; to++) {
      const ring = this.#out[to];
      if (ring === undefined || this.#counts[to] === 0 || ring.fits(this.#counts[to], sliceWords)) continue;
      if (this.#counts[to] > ring.largest(sliceWords))
        return new Refusal('too_large', `a request of ${count} spans: send fewer at once`);
      return new Refusal('buffer_full', 'another shard is behind: try again later');
    }
    for (let to = 0; to < this.#count; to++) {
      if (to === this.self || this.#counts[to] === 0) continue;
      this.lending.lend(segment, to);
      this.#begin(to, { segment, conditions, stride });
    }
    for (let i = 0; i < count; i++) if (this.owners[i] !== this.self) this.#out[this.owners[i]]?.push(rows, i * stride);
    for (let to = 0; to < this.#count; to++) if (to !== this.self && this.#counts[to] > 0) this.#out[to]?.commit();
    return undefined;
  }

  /**
   * Takes over the next batch: `rows`, `stride`, `count`, `segment`, `conditions`. False when there is none, the notice of its
   * slab is still to come, or there is no room for so many slices.
   */
  takeOver({ segments }: TraceBuffer, hasRoom: (slices: number) => boolean): boolean {
    for (let turn = 0; turn < this.#count; turn++) {
      const from = this.#from;
      // In turn, so that one busy shard does not hold up what the others hand over.
      this.#from = from + 1 === this.#count ? 0 : from + 1;
      const ring = this.#in[from];
      if (!ring?.peek()) continue;
      const local = this.#borrowing?.local(from, ring.segment) ?? -1;
      if (local < 0) continue;
      if (!hasRoom(ring.count)) continue;
      const words = ring.count * ring.stride;
      if (words > this.rows.length) this.rows = new Int32Array(words * 2);
      segments.takeIn(local);
      this.segment = local;
      this.conditions = ring.conditions;
      this.count = ring.count;
      this.stride = ring.stride;
      ring.take(this.rows);
      return true;
    }
    return false;
  }

  /** Wide rows where there is room for them; else the common words, and whoever gets them scans the spans again. */
  #begin(to: number, { segment, conditions, stride }: Pick<SliceRows, 'segment' | 'conditions' | 'stride'>): void {
    const ring = this.#out[to] as Handover;
    const count = this.#counts[to];
    if (ring.fits(count, stride)) ring.begin(segment, conditions, count, stride);
    else ring.begin(segment, mixedConditions, count, sliceWords);
  }

  /** Bytes of the tables for the request and the batch at hand. */
  get bytes(): number {
    return this.rows.byteLength + this.owners.byteLength;
  }

  /** Bytes of the rings from here that were ever written to. */
  get ringBytes(): number {
    return this.#out.reduce((sum, ring) => sum + (ring?.touchedBytes ?? 0), 0);
  }

  /** Lets go of tables that a large request or batch made large. */
  trim(): void {
    if (this.bytes <= keptTablesBytes) return;
    this.owners = new Uint8Array(fewestRows);
    this.rows = new Int32Array(sliceWords * fewestRows);
  }

  /** Is anything on its way here? */
  get expects(): boolean {
    return this.#in.some((ring) => ring?.peek());
  }

  /** A segment whose traces here should be decided because its lender is short of memory; -1 = none. */
  wanted(): number {
    return this.#borrowing?.wanted() ?? -1;
  }

  /** Spans handed over and taken over so far. */
  get handedOver(): number {
    return this.#out.reduce((sum, ring) => sum + (ring?.rows ?? 0), 0);
  }

  get takenOver(): number {
    return this.#in.reduce((sum, ring) => sum + (ring?.rows ?? 0), 0);
  }
}

/** Memory for `shards` shards that hand slices to each other; `words` of each ring, a power of two. */
export function shareMemory(
  shards: number,
  lendingOf: () => LendingMemory,
  words = ringWordsFor(shards),
): SharedMemory {
  const all = Array.from({ length: shards }, (_, i) => i);
  return {
    lendings: all.map(lendingOf),
    handovers: all.map((from) => all.map((to) => (from === to ? undefined : handoverMemory(words)))),
  };
}
