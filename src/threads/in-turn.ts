/**
 * Parts that are served one a call, in turn, so that one with much to do holds up none of the others for longer than
 * its own turn.
 */
export class InTurn<T> {
  readonly #parts: readonly T[];
  #next = 0;
  /** How many in a row had nothing more to do. */
  #idle = 0;

  constructor(parts: readonly T[]) {
    this.#parts = parts;
  }

  /** Serves the next part, which says whether it has more to do; false when none had, in a whole round. */
  serve(work: (part: T) => boolean): boolean {
    const part = this.#parts[this.#next];
    this.#next = this.#next + 1 === this.#parts.length ? 0 : this.#next + 1;
    this.#idle = work(part) ? 0 : this.#idle + 1;
    if (this.#idle < this.#parts.length) return true;
    this.#idle = 0;
    return false;
  }
}
