/** Turns are looked at for so long, and a gap counts for so much at most: one pause of the machine is no overload. */
const windowMs = 4_000;
const longestGapMs = 1_000;

/**
 * How far the event loop is behind, by the time between its turns: what somebody who comes at some moment finds on
 * average, twice over, since long gaps are met more often. About 10 at rest.
 */
export class TurnGaps {
  /** Over the last whole window. */
  delayMs = 0;
  #lastAt = 0;
  #sumMs = 0;
  #squares = 0;

  /** A turn begins; `now` in monotonic ms. */
  turn(now: number): void {
    const gapMs = this.#lastAt === 0 ? 0 : Math.min(longestGapMs, now - this.#lastAt);
    this.#lastAt = now;
    this.#sumMs += gapMs;
    this.#squares += gapMs * gapMs;
    if (this.#sumMs < windowMs) return;
    this.delayMs = this.#squares / this.#sumMs;
    this.#sumMs = 0;
    this.#squares = 0;
  }
}
