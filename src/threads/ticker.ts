/** How often the pipeline looks for what is due. */
const everyMs = 10;
/** How long one turn may hold the event loop. */
const longestTurnMs = 5;

/** The data path's only timer: a turn every 10 ms, and while more is due, one in every round of the event loop. */
export class Ticker {
  readonly #step: () => boolean;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #lastAt = performance.now();
  #stopped = false;

  /** `step` does a fraction of a millisecond's work and says whether there is more. */
  constructor(step: () => boolean) {
    this.#step = step;
    this.#timer = setTimeout(() => this.#turn(), everyMs);
  }

  /** Milliseconds since the last turn. */
  stalledMs(): number {
    return performance.now() - this.#lastAt;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
  }

  #turn(): void {
    this.#lastAt = performance.now();
    let more = this.#step();
    while (more && performance.now() - this.#lastAt < longestTurnMs) more = this.#step();
    if (this.#stopped) return;
    if (more) this.#immediate = setImmediate(() => this.#turn());
    else this.#timer = setTimeout(() => this.#turn(), everyMs);
  }
}
