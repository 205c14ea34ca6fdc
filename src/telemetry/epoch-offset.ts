import type { Clock } from '../clock.ts';

/**
 * What to add to a moment of the monotonic clock to show it: the same number until somebody sets the wall clock, for
 * Prometheus takes an exemplar whose time has moved for another one.
 */
export class EpochOffset {
  #ms = Number.NEGATIVE_INFINITY;

  read({ unixMs, monotonicMs }: Clock): number {
    const now = unixMs() - monotonicMs();
    if (Math.abs(now - this.#ms) > 1000) this.#ms = now;
    return this.#ms;
  }
}
