import { systemClock } from '../clock.ts';
import { histogram, observe } from '../model/histogram.ts';
import type { Histogram } from '../model/stats.ts';
import { TurnGaps } from './turn-gaps.ts';

const { monotonicMs } = systemClock;
/** How often the pipeline looks for what is due. */
const everyMs = 10;
/** How long one turn may hold the event loop; a round of it may see two, one by the timer and one after its reads. */
const longestTurnMs = 2.5;

/** Seconds that a turn may take; the goal is never more than a hundredth. */
const turnBounds = [0.0005, 0.001, 0.0025, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.1];

/** The data path's only timer: a turn every 10 ms, and while more is due, one in every round of the event loop. */
export class Ticker {
  /** Seconds for which each turn held the event loop. */
  readonly turns: Histogram = histogram(turnBounds);
  readonly gaps = new TurnGaps();
  readonly #step: () => boolean;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #lastAt = monotonicMs();
  #stopped = false;

  /** `step` does a fraction of a millisecond's work and says whether there is more. */
  constructor(step: () => boolean) {
    this.#step = step;
    this.#timer = setTimeout(() => this.#turn(), everyMs);
  }

  /** Milliseconds since the last turn. */
  stalledMs(): number {
    return monotonicMs() - this.#lastAt;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
  }

  #turn(): void {
    this.#lastAt = monotonicMs();
    this.gaps.turn(this.#lastAt);
    let more = this.#step();
    let tookMs = monotonicMs() - this.#lastAt;
    while (more && tookMs < longestTurnMs) {
      more = this.#step();
      tookMs = monotonicMs() - this.#lastAt;
    }
    observe(this.turns, tookMs / 1000);
    if (this.#stopped) return;
    if (more) this.#immediate = setImmediate(() => this.#turn());
    else this.#timer = setTimeout(() => this.#turn(), everyMs);
  }
}
