import { zstdCompress } from 'node:zlib';
import type { Segments } from '../buffer/segments.ts';
import { systemClock } from '../clock.ts';
import { packOptions } from './packer.ts';

/** For each millisecond of compressing, so many of rest: of a core it takes a quarter at most, the path has the others. */
const restPerWork = 3;
/** The most that compressing takes: what took longer waited, for its turn or for this thread. */
const mostNsAByte = 3;
/** Memory for what comes out, at a time: most segments are one piece of it. */
const chunkSize = 512 * 1024;

/** Compresses what waits no more for the window, off the main loop, one segment after the other. */
export class WindowPacker {
  readonly #segments: Segments;
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
      this.#timer = setTimeout(() => this.#rested(), workMs * restPerWork).unref();
    });
  }

  #rested(): void {
    this.#isBusy = false;
    this.#next();
  }
}
