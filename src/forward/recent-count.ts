/** Of a window; what is counted is too old by so much of it at most. */
const buckets = 16;

/** How many there were within the last `windowMs`, or a little more. Times are monotonic. */
export class RecentCount {
  readonly #bucketMs: number;
  readonly #counts = new Float64Array(buckets + 1);
  #newest = 0;

  constructor(windowMs: number) {
    this.#bucketMs = Math.max(1, windowMs / buckets);
  }

  add(count: number, now: number): void {
    this.#counts[this.#turn(now)] += count;
  }

  sum(now: number): number {
    this.#turn(now);
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  /** The place of the bucket of now; those that are out of the window are empty again. */
  #turn(now: number): number {
    const newest = Math.floor(now / this.#bucketMs);
    const passed = Math.min(newest - this.#newest, this.#counts.length);
    for (let i = 1; i <= passed; i++) this.#counts[(newest - passed + i) % this.#counts.length] = 0;
    this.#newest = newest;
    return newest % this.#counts.length;
  }
}
