import type { SliceRows } from '../model/slice.ts';
import type { Shard } from './shard.ts';

/** Slices taken at a time: some tenths of a millisecond. */
const slicesAStep = 512;

/**
 * The slices of a large request on their way to their traces, so many at a time. Nothing of it can be refused any more:
 * the memory that they will take is held until they have it.
 */
export class StepwiseArrival {
  readonly #shard: Shard;
  readonly #slices: SliceRows;
  readonly #owners: Uint8Array | undefined;
  readonly #self: number;
  readonly #heldBytes: number;
  #leftBytes: number;
  #taken = 0;

  /** `staying`: how many of them are this shard's; who owns each is what `assign` of the neighbours found just now. */
  constructor(shard: Shard, slices: SliceRows, staying: number) {
    const { neighbours, buffer } = shard;
    this.#shard = shard;
    this.#slices = slices;
    this.#owners = neighbours?.owners.slice(0, slices.count);
    this.#self = neighbours?.self ?? 0;
    this.#heldBytes = buffer.bytesForSlices(staying);
    this.#leftBytes = this.#heldBytes;
    buffer.blocks.hold(this.#heldBytes);
  }

  get isOver(): boolean {
    return this.#taken === this.#slices.count;
  }

  /** Takes some more; how many of them were this shard's. */
  step(now: number): number {
    const { arrivals, earlyDecisions } = this.#shard;
    const { rows, stride, count } = this.#slices;
    const from = this.#taken;
    const to = Math.min(count, from + slicesAStep);
    const owners = this.#owners?.subarray(from, to);
    this.#taken = to;
    this.#letGo(Math.ceil((this.#heldBytes * (to - from)) / Math.max(1, count)));
    const some = { ...this.#slices, rows: rows.subarray(from * stride, to * stride), count: to - from };
    arrivals.take(some, now, owners);
    const own = owners === undefined ? to - from : owners.reduce((sum, it) => sum + (it === this.#self ? 1 : 0), 0);
    earlyDecisions.keepAhead(own, now);
    return own;
  }

  #letGo(bytes: number): void {
    const some = this.isOver ? this.#leftBytes : Math.min(bytes, this.#leftBytes);
    this.#leftBytes -= some;
    this.#shard.buffer.blocks.hold(-some);
  }
}
