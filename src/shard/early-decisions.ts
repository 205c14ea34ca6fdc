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

  constructor(parts: Parts, onFull: 'decide_oldest' | 'refuse') {
    this.#parts = parts;
    this.decides = onFull === 'decide_oldest';
  }

  /**
   * Is there room for `length` bytes, after as many traces as necessary were decided, where that is the operator's
   * wish? Not where what was decided costs more to write than so many bytes are worth: then others come first.
   */
  makeRoom(length: number, now: number): boolean {
    const { buffer, judge, emitter, emission } = this.#parts;
    const { segments, traces } = buffer;
    if (segments.fits(length) || !this.decides) return segments.fits(length);
    emitter.grant(length);
    while (!segments.fits(length) && !emission.isBehind) {
      const before = traces.size;
      for (const slot of buffer.oldest((trace) => judge.isComplete(trace))) {
        judge.judge(slot, 'full', now);
        if (segments.fits(length) || emission.isBehind) break;
      }
      if (traces.size === before) break;
    }
    return segments.fits(length);
  }

  /** Gives back what others want, looks at what only others used, and asks them back what this shard will need. */
  serveNeighbours(neighbours: Neighbours, now: number): void {
    const { segments } = this.#parts.buffer;
    // One in which kept traces are still to be written stays wanted until they are.
    while (!this.#parts.emission.isBehind) {
      const wanted = neighbours.wanted();
      if (wanted < 0) break;
      this.#decideAllIn(wanted, now);
    }
    segments.releaseLent();
    if (!this.decides || this.#parts.emission.isBehind || segments.bytes < tightShare * segments.maxBytes) return;
    for (const number of segments.oldest(2)) {
      // Traces of the one may be all that lay in the other, which is given back then, and perhaps is no more.
      if (segments.isInUse(number)) this.#decideAllIn(number, now);
      if (segments.isInUse(number) && neighbours.lending.isLent(number)) neighbours.lending.want(number);
    }
  }

  #decideAllIn(number: number, now: number): void {
    const { buffer, judge } = this.#parts;
    for (const slot of buffer.tracesIn(buffer.segments.get(number), (trace) => judge.isComplete(trace))) {
      judge.judge(slot, 'full', now);
    }
  }
}
