import { performance } from 'node:perf_hooks';
import { zstdCompress } from 'node:zlib';
import type { Segments } from '../buffer/segments.ts';
import { systemClock } from '../clock.ts';
import { lowerPoolPriority } from '../low-priority.ts';
import { packOptions } from './packer.ts';

/**
 * Of a core, compressing takes what this thread's loop leaves, half of it at most; while the loop is busy all the time,
 * a twentieth. The path has the rest, and what comes faster is missed.
 */
const leastShare = 0.05;
const mostShare = 0.5;
/** The most that compressing takes: what took longer waited, for its turn or for this thread. */
const mostNsAByte = 3;
/** Memory for what comes out, at a time: most segments are one piece of it. */
const chunkSize = 512 * 1024;

/** Compresses what waits no more for the window, off the main loop, one segment after the other. */
export class WindowPacker {
  readonly #segments: Segments;
  /** Of this thread's loop, when it was last asked. */
  #utilization = performance.eventLoopUtilization();
  #isPoolLowered = false;
  #isBusy = false;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(segments: Segments) {
    this.#segments = segments;
    segments.onRetired(() => this.#next());
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #next(): void {
    if (this.#isBusy || this.#isStopped) return;
    const found = this.#segments.nextRetired();
    if (found === undefined) return;
    this.#isBusy = true;
    const since = systemClock.monotonicMs();
    zstdCompress(found.bytes, { ...packOptions, chunkSize }, (error, packed) => {
      // What zlib gives may be a small part of a large piece of memory, or of one that others have parts of.
      this.#segments.pastIs(found.number, error === null ? new Uint8Array(packed) : undefined);
      const workMs = Math.min(systemClock.monotonicMs() - since, (found.bytes.length * mostNsAByte) / 1e6);
      if (!this.#isPoolLowered) lowerPoolPriority();
      this.#isPoolLowered = true;
      this.#timer = setTimeout(() => this.#rested(), restMs(workMs, this.#busyShare())).unref();
    });
  }

  /** How much of the time since the last call the loop was busy. */
  #busyShare(): number {
    const before = this.#utilization;
    this.#utilization = performance.eventLoopUtilization();
    return performance.eventLoopUtilization(this.#utilization, before).utilization;
  }

  #rested(): void {
    this.#isBusy = false;
    this.#next();
  }
}

/** How long to rest after so much compressing, in a thread whose loop was busy for that share of the time. */
export function restMs(workMs: number, busyShare: number): number {
  const share = Math.min(mostShare, Math.max(leastShare, 1 - busyShare));
  return workMs * (1 / share - 1);
}
