import type { TraceBuffer } from '../buffer/trace-buffer.ts';
import type { Emission } from './emission.ts';
import type { Emitter } from './emit.ts';
import type { Judge } from './judge.ts';
import type { Neighbours } from './neighbours.ts';

/**
 * From here on the oldest segments are decided early, so that there is room when it is needed; only where others must
 * help.
 */
const tightShare = 0.9;
/**
 * Blocks that are to be free in a large buffer: in one may lie a hundred thousand traces, too many to decide at once.
 */
const blocksAhead = 2;
const largeBlockBytes = 1 << 20;

interface Parts {
  readonly buffer: TraceBuffer;
  readonly judge: Judge;
  readonly emitter: Emitter;
  readonly emission: Emission;
}

/**
 * Makes room by deciding early: whole segments, oldest first, and in each the traces whose root came before the others.
 */
export class EarlyDecisions {
  readonly #parts: Parts;
  /** Is that the operator's wish? */
  readonly decides: boolean;
  readonly #aheadBytes: number;
  /** Traces of the oldest segment, as far as they were decided. */
  #oldest: Generator<number> | undefined;

  constructor(parts: Parts, onFull: 'decide_oldest' | 'refuse') {
    this.#parts = parts;
    this.decides = onFull === 'decide_oldest';
    const { blockBytes } = parts.buffer.blocks;
    this.#aheadBytes = blockBytes < largeBlockBytes ? 0 : blocksAhead * blockBytes;
  }

  /**
   * Is there room, after as many traces as necessary were decided, where that is the operator's wish? Not where what was
   * decided costs more to write than the `bytes` that need the room are worth: then others come first.
   */
  makeRoom(fits: () => boolean, bytes: number, now: number): boolean {
    if (fits()) return true;
    if (!this.decides) return false;
    this.#parts.emitter.grant(bytes);
    while (!fits()) if (!this.#decideOldest(now)) return false;
    return true;
  }

  /**
   * So many slices came in: where memory is short, twice as many of the oldest traces are decided, for what they hold
   * is free for others only when a segment has none left. So nobody pays for more than he brought.
   */
  keepAhead(slices: number, now: number): void {
    if (!this.decides) return;
    const { blocks } = this.#parts.buffer;
    for (let n = 2 * slices; n > 0 && blocks.freeBytes < this.#aheadBytes; n--) if (!this.#decideOldest(now)) return;
  }

  /** Gives back what others want, looks at what only others used, and asks them back what this shard will need. */
  serveNeighbours(neighbours: Neighbours, now: number): void {
    const { segments, blocks } = this.#parts.buffer;
    // One in which kept traces are still to be written stays wanted until they are.
    while (!this.#parts.emission.isBehind) {
      const wanted = neighbours.wanted();
      if (wanted < 0) break;
      this.#decideAllIn(wanted, now);
    }
    segments.releaseLent();
    if (!this.decides || this.#parts.emission.isBehind || blocks.inUseBytes < tightShare * blocks.maxBytes) return;
    for (const number of segments.oldest(2)) {
      // Traces of the one may be all that lay in the other, which is given back then, and perhaps is no more.
      if (segments.isInUse(number)) this.#decideAllIn(number, now);
      if (segments.isInUse(number) && neighbours.lending.isLent(number)) neighbours.lending.want(number);
    }
  }

  /** False when nothing waits, or what was decided must be written first. */
  #decideOldest(now: number): boolean {
    const { buffer, judge, emission } = this.#parts;
    if (emission.isBehind) return false;
    for (const isNew of [false, true]) {
      if (isNew) this.#oldest = undefined;
      this.#oldest ??= buffer.oldest((trace) => judge.isComplete(trace));
      const { value, done } = this.#oldest.next();
      if (done) continue;
      judge.judge(value, 'full', now);
      return true;
    }
    return false;
  }

  #decideAllIn(number: number, now: number): void {
    const { buffer, judge } = this.#parts;
    for (const slot of buffer.tracesIn(buffer.segments.get(number), (trace) => judge.isComplete(trace))) {
      judge.judge(slot, 'full', now);
    }
  }
}
