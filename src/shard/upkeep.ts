import type { Batches } from '../batch/batches.ts';
import type { TraceBuffer } from '../buffer/trace-buffer.ts';
import type { Window } from '../buffer/window.ts';
import type { RequestScan } from '../decode/scan.ts';
import type { Neighbours } from './neighbours.ts';

interface Parts {
  readonly buffer: TraceBuffer;
  readonly window: Window | undefined;
  readonly batches: Batches;
  readonly scan: RequestScan;
  readonly neighbours: Neighbours | undefined;
}

/** Memory that was not needed for so long is given back, some of it at a time. */
const trimEveryMs = 10_000;
const shrinkEveryMs = 250;

/** Gives back what a burst took and nobody has needed since. */
export class Upkeep {
  readonly #parts: Parts;
  #trimmedAt = 0;
  #shrunkAt = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  tick(now: number): void {
    if (now - this.#shrunkAt < shrinkEveryMs) return;
    this.#shrunkAt = now;
    const { buffer, window, batches, scan, neighbours } = this.#parts;
    if (now - this.#trimmedAt >= trimEveryMs) {
      this.#trimmedAt = now;
      buffer.segments.trim();
      batches.trim();
      scan.trim();
      neighbours?.trim();
    }
    buffer.segments.shrink();
    if (window === undefined) return;
    buffer.segments.forgetRetired(now - window.maxAgeMs);
    window.tick(now, buffer.segments.landedBytes);
  }
}
