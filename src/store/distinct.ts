/** When a list of texts is long enough. */
export interface Enough {
  readonly limit: number;
  /** Texts in a row that were there already; 0 for any number of them. */
  readonly maxStaleValues: number;
}

/** No answer lists more, of values or of keys. */
const mostTexts = 5000;
/** As in Tempo, of all that is listed together. */
export const mostListedBytes = 1_000_000;

/** Texts, each once. */
export class Distinct {
  readonly #texts = new Set<string>();
  readonly #enough: Enough;
  #stale = 0;
  #bytes = 0;
  isFull = false;

  constructor(enough: Enough) {
    this.#enough = enough;
  }

  add(text: string): void {
    if (this.isFull) return;
    const { limit, maxStaleValues } = this.#enough;
    const isStale = this.#texts.has(text);
    this.#stale = isStale ? this.#stale + 1 : 0;
    if (!isStale) this.#bytes += text.length;
    if (this.#bytes < mostListedBytes) this.#texts.add(text);
    this.isFull =
      this.#texts.size >= Math.min(limit, mostTexts) ||
      this.#bytes >= mostListedBytes ||
      (maxStaleValues > 0 && this.#stale >= maxStaleValues);
  }

  sorted(): string[] {
    return [...this.#texts].sort();
  }
}
