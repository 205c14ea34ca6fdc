/**
 * What a peer may ask of us that brings nothing forward: pings, settings, resets, empty frames. Some at once, a few a
 * second for ever, and some with each answer, since honest clients ping and open windows with their traffic.
 */
export class Allowance {
  readonly #burst: number;
  readonly #perSecond: number;
  #left: number;
  #refilledAt: number;

  /** `now` in milliseconds of the monotonic clock, here and below. */
  constructor(burst: number, perSecond: number, now: number) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#left = burst;
    this.#refilledAt = now;
  }

  /** False when there was less than `cost` left. */
  spend(cost: number, now: number): boolean {
    // A clock that was set back gives nothing and takes nothing.
    if (now < this.#refilledAt) this.#refilledAt = now;
    if (this.#left < cost) {
      this.earn(((now - this.#refilledAt) / 1000) * this.#perSecond);
      this.#refilledAt = now;
    }
    this.#left -= cost;
    return this.#left >= 0;
  }

  earn(more: number): void {
    this.#left = Math.min(this.#burst, this.#left + more);
  }
}
