import type { Batch } from '../batch/batch.ts';
import type { TraceBuffer } from '../buffer/trace-buffer.ts';

/** Memory that was not needed for so long is given back, some of it at a time. */
const trimEveryMs = 10_000;
const shrinkEveryMs = 250;

/** Gives back what a burst took and nobody has needed since. */
export class Upkeep {
  readonly #buffer: TraceBuffer;
  readonly #batch: Batch;
  #trimmedAt = 0;
  #shrunkAt = 0;

  constructor(buffer: TraceBuffer, batch: Batch) {
    this.#buffer = buffer;
    this.#batch = batch;
  }

  tick(now: number): void {
    if (now - this.#shrunkAt < shrinkEveryMs) return;
    this.#shrunkAt = now;
    if (now - this.#trimmedAt >= trimEveryMs) {
      this.#trimmedAt = now;
      this.#buffer.segments.trim();
      this.#batch.trim();
    }
    this.#buffer.segments.shrink();
  }
}
