/** How often the pipeline looks for what is due. */
const everyMs = 10;

/** The data path's only timer: a turn every 10 ms, and while there is more to do, one in every round of the event loop. */
export class Ticker {
  readonly #turn: () => boolean;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #lastAt = performance.now();
  #stopped = false;

  /** `turn` does a few milliseconds of work and says whether there is more. */
  constructor(turn: () => boolean) {
    this.#turn = turn;
    this.#timer = setTimeout(() => this.#run(), everyMs);
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

  #run(): void {
    this.#lastAt = performance.now();
    const more = this.#turn();
    if (this.#stopped) return;
    if (more) this.#immediate = setImmediate(() => this.#run());
    else this.#timer = setTimeout(() => this.#run(), everyMs);
  }
}
