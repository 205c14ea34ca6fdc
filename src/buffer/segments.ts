import type { SliceRows } from '../model/slice.ts';
import type { Blocks } from '../tables/blocks.ts';
import { Landed } from './landed.ts';
import { Slabs } from './slabs.ts';
import type { Window } from './window.ts';

/**
 * The log that requests land in. A segment is a stretch of off-heap memory; messages are written to the open segment
 * one after the other, and a segment is given back whole, when nothing that lies in it waits any more.
 *
 *   segment (a block)  = | message | message | … | free | slack |
 *
 * A message larger than that gets memory of its own. Where there are more shards, slabs are shared
 * memory: a slice may belong to another shard's trace, and its segment then has users there, see lending.ts.
 */
export interface Segment {
  readonly bytes: Uint8Array;
  readonly capacity: number;
  /** Bytes landed so far; the next message starts here. */
  used: number;
  /** Waiting slices of this shard's traces that lie here. */
  live: number;
  /**
   * Whoever uses the bytes though no slice waits: the message that is being taken, compression; of a borrowed segment:
   * batches being taken over.
   */
  pending: number;
  /** Pages of slice rows, see slices.ts; given back with the segment. */
  readonly rowPages: number[];
  /** When it was opened, in order of opening. */
  sequence: number;
  readonly slab: number;
  /** Compressed: `bytes` is empty, and this takes its place. */
  readonly packed?: Uint8Array;
  /** When it was opened, in monotonic ms; Infinity = not to be compressed. */
  openedAt: number;
  /** Where there is a window: what landed here, for as long as it may come into it. */
  landed?: Landed | undefined;
  /** Nothing waits here any more, and the window is to have it. */
  isRetired: boolean;
  /** Another shard's segment: how many batches of it are in use here, and how to give them back. */
  readonly loan?: { batches: number; readonly giveBack: (batches: number) => void };
}

/** What other shards have to do with this one's segments. */
export interface Lender {
  /** The segments of a new slab, and of one that is no more. */
  enter(numbers: readonly number[], memory: ArrayBufferLike, capacity: number): void;
  withdraw(numbers: readonly number[]): void;
  /** Does another shard still use the segment, or know the number of one that is no more? */
  isLent(number: number): boolean;
  /** Nobody uses the segment any more. */
  returned(number: number): void;
}

/** Readable bytes behind the last message of a segment, so that the scan may look ahead without asking. */
const slackBytes = 64;
const nothing = new Uint8Array(0);

const emptySegment = (bytes: Uint8Array, slab: number): Segment => ({
  bytes,
  capacity: bytes.length,
  used: 0,
  live: 0,
  pending: 0,
  rowPages: [],
  sequence: 0,
  slab,
  openedAt: 0,
  isRetired: false,
});

/**
 * So many wait to be compressed for the window, and of several no more bytes than it may hold: the next one would be
 * missed.
 */
const mostRetired = 8;
/** What is no more than this is copied as it is: late spans that are dropped, where nothing else waits, come one by one. */
const littleBytes = 32 * 1024;

export class Segments {
  readonly segmentBytes: number;
  /** Bytes of messages that occupy segments, waiting or not. */
  bytes = 0;
  /** Segments by number; undefined where a slab was given back. */
  readonly list: (Segment | undefined)[] = [];
  /** Those in which nothing of ours waits but that another shard still uses. */
  readonly #lent = new Set<number>();
  readonly #free: number[] = [];
  readonly #blocks: Blocks;
  readonly #slabs: Slabs;
  /** Bytes of borrowed segments that were forgotten so far. */
  forgottenBytes = 0;
  readonly #onFree: (segment: Segment) => void;
  readonly #lender: Lender | undefined;
  readonly #window: Window | undefined;
  /** Those that wait to be compressed for the window, by number; their blocks count as kept. */
  readonly #retired: number[] = [];
  #onRetired: () => void = () => {};
  #open = -1;
  #sequence = 0;
  /** Of the segment that was reserved last, see Segment.sequence. */
  lastSequence = -1;

  constructor(blocks: Blocks, onFree: (segment: Segment) => void, lender?: Lender, window?: Window) {
    this.#blocks = blocks;
    this.#slabs = new Slabs(blocks);
    this.segmentBytes = blocks.blockBytes;
    this.#onFree = onFree;
    this.#lender = lender;
    this.#window = window;
    blocks.onShortage(() => this.#giveIdleBack());
  }

  get(number: number): Segment {
    return this.list[number] as Segment;
  }

  /** Are there messages in it, waiting or not, that nobody is done with? */
  isInUse(number: number): boolean {
    const segment = this.list[number];
    return segment !== undefined && segment.used > 0 && !segment.isRetired;
  }

  /** Bytes of memory that a message of `length` takes into use: none where there is a segment with room. */
  bytesFor(length: number): number {
    if (this.#fitsOpen(length)) return 0;
    if (length > this.segmentBytes - slackBytes) return length + slackBytes;
    const next = this.#nextFree();
    return next >= 0 && !this.#slabs.isIdle(this.get(next).slab) ? 0 : this.#blocks.blockBytes;
  }

  /** Bytes held by segments that something lies in, whole ones, and by what is packed. */
  get heldBytes(): number {
    return this.list.reduce((sum, segment) => sum + (segment?.packed?.length ?? 0), this.#slabs.bytes);
  }

  /** The number of a segment with room for `length` bytes at its `used`; the bytes count from now on. */
  reserve(length: number, now: number): number {
    const number = this.#fitsOpen(length) ? this.#open : this.#next(length);
    const segment = this.get(number);
    this.lastSequence = segment.sequence;
    if (segment.used === 0) this.#begin(segment, now);
    segment.used += length;
    segment.pending++;
    segment.landed?.land(segment.used, now);
    this.bytes += length;
    return number;
  }

  #begin(segment: Segment, now: number): void {
    segment.openedAt = now;
    segment.isRetired = false;
    if (this.#window !== undefined) segment.landed = new Landed(segment.capacity, now);
  }

  /** The message of a segment that ends at `end` is taken, as these slices. */
  taken(end: number, slices: SliceRows): void {
    this.get(slices.segment).landed?.take(end, slices);
  }

  /** The last `length` bytes reserved are not used after all; `done` is still to be called. */
  cancel(number: number, length: number): void {
    const segment = this.get(number);
    // Alone there, they go with the segment.
    if (segment.used === length) return;
    segment.landed?.cancel(segment.used);
    segment.used -= length;
    this.bytes -= length;
  }

  /** Somebody reads what lies there: it stays until `done`. */
  hold(number: number): void {
    this.get(number).pending++;
  }

  /** Whoever had `pending` counted for the segment is done with it. */
  done(number: number): void {
    this.get(number).pending--;
    this.releaseIfUnused(number);
  }

  /** To be called whenever `live` or `pending` of a segment went down: gives it back when nobody uses it. */
  releaseIfUnused(number: number): void {
    const segment = this.get(number);
    if (segment.loan !== undefined) {
      this.#giveLoanBack(segment, segment.loan);
      return;
    }
    if (segment.live > 0 || segment.pending > 0 || (segment.used === 0 && number !== this.#open)) return;
    if (this.#lender?.isLent(number)) {
      this.#lent.add(number);
      return;
    }
    this.#lent.delete(number);
    this.#lender?.returned(number);
    if (segment.landed !== undefined && this.#isForWindow(number, segment, segment.landed)) return;
    if (!segment.isRetired) this.bytes -= segment.used;
    this.#onFree(segment);
    segment.used = 0;
    if (number === this.#open) this.#open = -1;
    if (segment.packed === undefined) this.#giveBack(number, segment);
    else {
      this.#blocks.hold(-segment.packed.length);
      this.list[number] = undefined;
    }
  }

  /**
   * Every own segment with a smaller `sequence` has nothing in it that waits, here or in another shard; Infinity where
   * none has.
   */
  get lowestInUse(): number {
    let lowest = Number.POSITIVE_INFINITY;
    for (const segment of this.list) {
      if (segment === undefined || segment.loan !== undefined || segment.used === 0 || segment.isRetired) continue;
      if (segment.sequence < lowest) lowest = segment.sequence;
    }
    return lowest;
  }

  /** What lands from now on lies in another segment, so that this one's end does not wait for theirs. */
  seal(): void {
    if (this.#open >= 0 && this.get(this.#open).used > 0) this.#open = -1;
  }

  /** Calls `wake` when there is something to compress for the window. */
  onRetired(wake: () => void): void {
    this.#onRetired = wake;
  }

  /** The next segment to be compressed for the window, and what landed there; it stays as it is until `pastIs`. */
  nextRetired(): { readonly number: number; readonly bytes: Uint8Array } | undefined {
    const number = this.#retired.shift();
    if (number === undefined) return undefined;
    const { bytes, used, capacity } = this.get(number);
    this.#blocks.keep(-capacity);
    return { number, bytes: bytes.subarray(0, used) };
  }

  /** What waits for the compressor and landed before `before`, in monotonic ms, goes as it would from the window. */
  forgetRetired(before: number): void {
    this.#giveUpRetired(({ lastAt }) => lastAt < before);
  }

  /** What came of a retired segment: its compressed bytes, or nothing. Its block is for the next messages. */
  pastIs(number: number, packed: Uint8Array | undefined): void {
    const segment = this.get(number);
    const landed = segment.landed as Landed;
    if (packed === undefined) this.#miss(landed);
    else this.#window?.add({ sequence: segment.sequence, landed, bytes: packed, isPacked: true });
    segment.landed = undefined;
    this.releaseIfUnused(number);
  }

  /** Bytes held for what is known of those. */
  get landedBytes(): number {
    return this.list.reduce((sum, segment) => sum + (segment?.landed?.bytes ?? 0), 0);
  }

  /** The number of the own segment that was opened so; -1 where it is no more. */
  numberOf(sequence: number): number {
    return this.list.findIndex((segment) => segment?.landed !== undefined && segment.sequence === sequence);
  }

  /** Own segments with messages that may come into the window, in use or retired, in order of opening. */
  withLanded(): Segment[] {
    const found = this.list.filter((segment) => segment?.landed !== undefined) as Segment[];
    return found.sort((a, b) => a.sequence - b.sequence);
  }

  /** Looks again at the segments that only others used when they were last looked at. */
  releaseLent(): void {
    for (const number of this.#lent) this.releaseIfUnused(number);
  }

  /**
   * A full segment that was opened before `before` (monotonic ms) and is neither packed nor being written to; -1 =
   * none.
   */
  packable(before: number): number {
    return this.list.findIndex(
      (segment, number) =>
        segment !== undefined &&
        number !== this.#open &&
        segment.live > 0 &&
        segment.pending === 0 &&
        segment.packed === undefined &&
        segment.loan === undefined &&
        segment.openedAt < before,
    );
  }

  /**
   * Puts compressed bytes in a segment's place, under a new number, and frees its memory. Its rows' pages must be told.
   * From now on only the compressed bytes count.
   */
  pack(number: number, packed: Uint8Array): number {
    const segment = this.get(number);
    const place = this.#emptyNumber();
    this.list[place] = {
      ...segment,
      bytes: nothing,
      packed,
      used: packed.length,
      rowPages: segment.rowPages.splice(0),
    };
    this.#blocks.hold(packed.length);
    this.bytes += packed.length - segment.used;
    segment.used = 0;
    segment.live = 0;
    segment.landed = undefined;
    this.#giveBack(number, segment);
    return place;
  }

  /** Enters another shard's segment in this table; its memory does not count here. */
  borrow(bytes: Uint8Array, giveBack: (batches: number) => void): number {
    const number = this.#emptyNumber();
    this.list[number] = { ...emptySegment(bytes, -1), loan: { batches: 0, giveBack } };
    return number;
  }

  /** A batch of a borrowed segment is taken over: it is as old as the first that is in use here. */
  takeIn(number: number): void {
    const segment = this.get(number);
    if (segment.loan !== undefined && segment.loan.batches++ === 0) segment.sequence = this.#sequence++;
  }

  /** A borrowed segment is no more; nothing of it waits here. */
  forget(number: number): void {
    this.forgottenBytes += this.get(number).capacity;
    this.list[number] = undefined;
  }

  /** What nobody has needed since the last call may go: traffic comes in bursts, and fresh memory is slow. */
  trim(): void {
    this.#slabs.countUnneeded();
    this.#blocks.trim();
  }

  /** Gives back the next of what may go. */
  shrink(): void {
    for (const slab of this.#slabs.toGo()) this.#blocks.drop(this.#remove(slab));
    this.#blocks.shrink();
  }

  /** Of the segments that hold messages, the ones that were opened first, at most `most`. */
  oldest(most: number): number[] {
    const inUse: number[] = [];
    for (let n = 0; n < this.list.length; n++) if (this.isInUse(n)) inUse.push(n);
    return inUse.sort((a, b) => this.get(a).sequence - this.get(b).sequence).slice(0, most);
  }

  /** The segment, borrowed ones included, that was opened first of those in which something waits here. */
  oldestWaiting(): Segment | undefined {
    let oldest: Segment | undefined;
    for (const segment of this.list) {
      if (segment === undefined || segment.live === 0) continue;
      if (oldest === undefined || segment.sequence < oldest.sequence) oldest = segment;
    }
    return oldest;
  }

  /**
   * Nothing waits here: what was taken is to go into the window. True while its bytes must stay for that: its memory
   * counts as kept meanwhile, and the next message that needs it has it.
   */
  #isForWindow(number: number, segment: Segment, landed: Landed): boolean {
    if (segment.isRetired) return true;
    const isEmpty = landed.spans === 0;
    const { sequence, packed, used } = segment;
    const isLittle = used <= littleBytes;
    if (!isEmpty && packed === undefined && !isLittle && this.#mayWait(used)) {
      this.#retire(number, segment);
      return true;
    }
    segment.landed = undefined;
    if (isEmpty) return false;
    if (packed !== undefined) this.#window?.add({ sequence, landed, bytes: packed, isPacked: true });
    else if (isLittle) this.#window?.add({ sequence, landed, bytes: segment.bytes.slice(0, used), isPacked: false });
    else this.#miss(landed);
    return false;
  }

  /** May so many bytes more wait for the compressor? */
  #mayWait(bytes: number): boolean {
    const waiting = this.#retired.reduce((sum, number) => sum + this.get(number).used, 0);
    const most = this.#window?.maxBytes ?? 0;
    return waiting === 0 || (this.#retired.length < mostRetired && waiting + bytes <= most);
  }

  #retire(number: number, segment: Segment): void {
    segment.isRetired = true;
    this.bytes -= segment.used;
    this.#onFree(segment);
    if (number === this.#open) this.#open = -1;
    this.#blocks.keep(segment.capacity);
    this.#retired.push(number);
    this.#onRetired();
  }

  /** What waits for the compressor gives way to what lands. */
  #missRetired(): void {
    this.#giveUpRetired((landed) => {
      this.#miss(landed);
      return true;
    });
  }

  /** Of what waits for the compressor, all that nobody reads and of which `goes` says yes. */
  #giveUpRetired(goes: (landed: Landed) => boolean): void {
    for (const number of this.#retired.splice(0)) {
      const segment = this.get(number);
      if (segment.pending > 0 || !goes(segment.landed as Landed)) {
        this.#retired.push(number);
        continue;
      }
      this.#blocks.keep(-segment.capacity);
      segment.landed = undefined;
      this.releaseIfUnused(number);
    }
  }

  #miss({ spans }: Landed): void {
    if (this.#window !== undefined) this.#window.missedSpans += spans;
  }

  #giveLoanBack(segment: Segment, loan: NonNullable<Segment['loan']>): void {
    if (segment.live > 0 || segment.pending > 0 || loan.batches === 0) return;
    this.#onFree(segment);
    loan.giveBack(loan.batches);
    loan.batches = 0;
  }

  #fitsOpen(length: number): boolean {
    if (this.#open < 0) return false;
    const { used, capacity } = this.get(this.#open);
    return used + length <= capacity - slackBytes;
  }

  #next(length: number): number {
    if (length > this.segmentBytes - slackBytes) return this.#claim(this.#allocateFor(length + slackBytes));
    if (this.#free.length === 0) this.#enter(this.#blocks.take(), this.segmentBytes, this.#free);
    const number = this.#claim(this.#nextFree());
    this.#free.splice(this.#free.indexOf(number), 1);
    this.#open = number;
    return number;
  }

  /** The lowest number, so that the slabs of the others can empty; -1 = none. */
  #nextFree(): number {
    return this.#free.length === 0 ? -1 : Math.min(...this.#free);
  }

  #allocateFor(capacity: number): number {
    const number: number[] = [];
    this.#enter(this.#blocks.takeLarge(capacity), capacity, number);
    return number[0];
  }

  #claim(number: number): number {
    const segment = this.get(number);
    segment.sequence = this.#sequence++;
    this.#slabs.use(segment.slab);
    return number;
  }

  /** Cuts memory into segments; their numbers go to `to`. */
  #enter(memory: ArrayBufferLike, capacity: number, to: number[]): void {
    const members: number[] = [];
    const slab = this.#slabs.add(memory, members);
    for (let at = 0; at < memory.byteLength; at += capacity) {
      const number = this.#emptyNumber();
      this.list[number] = emptySegment(new Uint8Array(memory, at, capacity), slab);
      members.push(number);
      to.push(number);
    }
    this.#lender?.enter(members, memory, capacity);
  }

  /**
   * A number that names nothing, here or anywhere: what others have not forgotten yet would be taken for the old
   * segment.
   */
  #emptyNumber(): number {
    const gap = this.list.findIndex((segment, number) => segment === undefined && !this.#lender?.isLent(number));
    return gap >= 0 ? gap : this.list.length;
  }

  #giveBack(number: number, { slab }: Segment): void {
    if (this.#slabs.leave(slab)) this.#blocks.drop(this.#remove(slab));
    else this.#free.push(number);
  }

  #giveIdleBack(): void {
    this.#missRetired();
    for (const slab of this.#slabs.idle()) this.#blocks.giveBack(this.#remove(slab));
  }

  /** Forgets an idle slab's segments; its memory. */
  #remove(slab: number): ArrayBufferLike {
    const { members, memory } = this.#slabs.remove(slab);
    for (const member of members) {
      this.list[member] = undefined;
      const at = this.#free.indexOf(member);
      if (at >= 0) this.#free.splice(at, 1);
    }
    this.#lender?.withdraw(members);
    return memory;
  }
}
