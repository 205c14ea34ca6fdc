import { performance } from 'node:perf_hooks';
import { createZstdCompress } from 'node:zlib';
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
/**
 * A window is written anew at most once in this time, but for a burst that fills it: what would be forgotten before
 * anybody can ask for it is not worth the path's core.
 */
const turnoverMs = 30_000;
/** The most that compressing takes: what took longer waited, for its turn or for this thread. */
const mostNsAByte = 3;
/** Compressed at a stretch, some 0.2 ms: a thread of the pool that has the core keeps it for as long as it works. */
const partBytes = 256 * 1024;
/** Memory for what comes out, at a time: most segments are one piece of it. */
const chunkSize = 512 * 1024;

/** Compresses what waits no more for the window, off the main loop, one segment after the other. */
export class WindowPacker {
  readonly #segments: Segments;
  readonly #turnover: Turnover;
  /** Of this thread's loop, when it was last asked. */
  #utilization = performance.eventLoopUtilization();
  #isPoolLowered = false;
  #isBusy = false;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  /** `maxBytes`: of the window. */
  constructor(segments: Segments, maxBytes: number) {
    this.#segments = segments;
    this.#turnover = new Turnover(maxBytes, systemClock.monotonicMs());
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
    compress(found.bytes, (packed) => {
      this.#segments.pastIs(found.number, packed);
      const now = systemClock.monotonicMs();
      const workMs = Math.min(now - since, (found.bytes.length * mostNsAByte) / 1e6);
      if (!this.#isPoolLowered) lowerPoolPriority();
      this.#isPoolLowered = true;
      const rest = Math.max(restMs(workMs, this.#busyShare()), this.#turnover.spend(packed?.length ?? 0, now));
      this.#timer = setTimeout(() => this.#rested(), rest).unref();
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

/** How fast a window may be written: at once as much as there is room in it, and as much again in `turnoverMs`. */
export class Turnover {
  readonly #maxBytes: number;
  /** Negative: more was written than may be. */
  #bytes: number;
  #at: number;

  /** `now`: monotonic milliseconds, here and below. */
  constructor(maxBytes: number, now: number) {
    this.#maxBytes = maxBytes;
    this.#bytes = maxBytes;
    this.#at = now;
  }

  /** `bytes` were written; how many milliseconds to wait before more are. */
  spend(bytes: number, now: number): number {
    const bytesAMs = this.#maxBytes / turnoverMs;
    const room = Math.min(this.#maxBytes, this.#bytes + (now - this.#at) * bytesAMs);
    // What is larger than the window is not in it, and what is not the less for it.
    this.#bytes = Math.max(-this.#maxBytes, room - bytes);
    this.#at = now;
    return Math.max(0, -this.#bytes / bytesAMs);
  }
}

/** Calls back with what comes out, in memory of its own, or with nothing where zlib fails. */
function compress(bytes: Uint8Array, done: (packed: Uint8Array | undefined) => void): void {
  const stream = createZstdCompress({ ...packOptions, chunkSize });
  const pieces: Buffer[] = [];
  stream.on('data', (piece: Buffer) => pieces.push(piece));
  stream.on('error', () => done(undefined));
  // What zlib gives may be a small part of a large piece of memory.
  stream.on('end', () => done(new Uint8Array(Buffer.concat(pieces))));
  // Each write is work of its own for the pool, behind the one before.
  for (let at = 0; at < bytes.length; at += partBytes) stream.write(bytes.subarray(at, at + partBytes));
  stream.end();
}
