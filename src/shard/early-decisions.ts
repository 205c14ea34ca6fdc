import type { TraceBuffer } from '../buffer/trace-buffer.ts';
import type { Judge } from './judge.ts';
import type { Neighbours } from './neighbours.ts';

/**
 * From here on the oldest segments are decided early, so that there is room when it is needed; only where others must
 * help.
 */
const tightShare = 0.9;

/**
 * Makes room by deciding early: whole segments, oldest first, and in each the traces whose root came before the others.
 */
export class EarlyDecisions {
  readonly #buffer: TraceBuffer;
  readonly #judge: Judge;
  readonly #decides: boolean;

  constructor(buffer: TraceBuffer, judge: Judge, onFull: 'decide_oldest' | 'refuse') {
    this.#buffer = buffer;
    this.#judge = judge;
    this.#decides = onFull === 'decide_oldest';
  }

  /**
   * Is there room for `length` bytes, after as many traces as necessary were decided, where that is the operator's
   * wish?
   */
  makeRoom(length: number, now: number): boolean {
    const { segments, traces } = this.#buffer;
    while (this.#decides && !segments.fits(length)) {
      const before = traces.size;
      for (const slot of this.#buffer.oldest((trace) => this.#judge.isComplete(trace))) {
        this.#judge.judge(slot, 'full', now);
        if (segments.fits(length)) return true;
      }
      if (traces.size === before) break;
    }
    return segments.fits(length);
  }

  /** Gives back what others want, looks at what only others used, and asks them back what this shard will need. */
  serveNeighbours(neighbours: Neighbours, now: number): void {
    const { segments } = this.#buffer;
    for (let wanted = neighbours.wanted(); wanted >= 0; wanted = neighbours.wanted()) this.#decideAllIn(wanted, now);
    segments.releaseLent();
    if (!this.#decides || segments.bytes < tightShare * segments.maxBytes) return;
    for (const number of segments.oldest(2)) {
      // Traces of the one may be all that lay in the other, which is given back then, and perhaps is no more.
      if (segments.isInUse(number)) this.#decideAllIn(number, now);
      if (segments.isInUse(number) && neighbours.lending.isLent(number)) neighbours.lending.want(number);
    }
  }

  #decideAllIn(number: number, now: number): void {
    const segment = this.#buffer.segments.get(number);
    for (const slot of this.#buffer.tracesIn(segment, (trace) => this.#judge.isComplete(trace))) {
      this.#judge.judge(slot, 'full', now);
    }
  }
}
