import { constants, zstdCompress, zstdDecompressSync } from 'node:zlib';
import type { TraceBuffer } from '../buffer/trace-buffer.ts';
import { systemClock } from '../clock.ts';

const everyMs = 100;
/** The fastest level: telemetry repeats itself so much that higher ones gain little. */
export const packOptions = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

export const unpack = (packed: Uint8Array): Uint8Array => zstdDecompressSync(packed);

/** Compresses segments that have waited long enough, off the main loop, one after the other. */
export class Packer {
  readonly #buffer: TraceBuffer;
  readonly #afterMs: number;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(buffer: TraceBuffer, afterMs: number) {
    this.#buffer = buffer;
    this.#afterMs = afterMs;
    this.#next();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #next(): void {
    if (this.#stopped) return;
    const found = this.#buffer.packable(systemClock.monotonicMs() - this.#afterMs);
    if (found === undefined) {
      this.#timer = setTimeout(() => this.#next(), everyMs);
      return;
    }
    zstdCompress(found.bytes, packOptions, (error, packed) => {
      this.#buffer.pack(found.number, error === null ? packed : undefined);
      this.#next();
    });
  }
}
