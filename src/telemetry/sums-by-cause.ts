interface Sums<Event, Sum> {
  /** The first event of a sum, which is told as it is where nothing follows it. */
  begin(event: Event): Sum;
  add(sum: Sum, event: Event): void;
  tell(sum: Sum): void;
  /** Runs something when the interval is over; the process need not wait for it. */
  after(run: () => void): void;
}

/**
 * Tells the first event of each cause at once, and what follows it within an interval as one sum at its end: a flood is
 * told once an interval, and all that is told adds up to all that came. Causes are a closed set of words.
 */
export class SumsByCause<Event, Sum> {
  readonly #sums: Sums<Event, Sum>;
  /** Causes whose interval is not over, and what is held back of each. */
  readonly #held = new Map<string, { sum: Sum | undefined }>();

  constructor(sums: Sums<Event, Sum>) {
    this.#sums = sums;
  }

  put(cause: string, event: Event): void {
    const held = this.#held.get(cause);
    if (held === undefined) {
      this.#sums.tell(this.#sums.begin(event));
      this.#hold(cause);
    } else if (held.sum === undefined) held.sum = this.#sums.begin(event);
    else this.#sums.add(held.sum, event);
  }

  /** Tells what is held back, at the end. */
  flush(): void {
    for (const { sum } of this.#held.values()) if (sum !== undefined) this.#sums.tell(sum);
    this.#held.clear();
  }

  #hold(cause: string): void {
    const held: { sum: Sum | undefined } = { sum: undefined };
    this.#held.set(cause, held);
    this.#sums.after(() => {
      if (this.#held.get(cause) !== held) return;
      this.#held.delete(cause);
      if (held.sum === undefined) return;
      this.#sums.tell(held.sum);
      this.#hold(cause);
    });
  }
}
