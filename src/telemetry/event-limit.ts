interface Seen {
  since: number;
  suppressed: number;
}

/**
 * Lets one event of a kind pass per interval, and counts the others. Kinds are a closed set of words, so the map stays
 * small.
 */
export class EventLimit {
  readonly #intervalMs: number;
  readonly #seen = new Map<string, Seen>();

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /**
   * How many of this kind were held back before this one, which may pass; undefined when it may not. `now` in
   * milliseconds.
   */
  admit(kind: string, now: number): number | undefined {
    const seen = this.#seen.get(kind);
    if (seen === undefined) {
      this.#seen.set(kind, { since: now, suppressed: 0 });
      return 0;
    }
    if (now >= seen.since && now - seen.since < this.#intervalMs) {
      seen.suppressed++;
      return undefined;
    }
    const { suppressed } = seen;
    seen.since = now;
    seen.suppressed = 0;
    return suppressed;
  }
}
