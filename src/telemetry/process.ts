import { getHeapStatistics } from 'node:v8';
import type { LoopStats } from '../model/stats.ts';
import { LoopProbe } from './loop.ts';

/** What the process spends. Seconds and bytes; counters run from the start of the process. */
export interface ProcessStats {
  readonly cpu: { readonly user: number; readonly system: number };
  readonly residentBytes: number;
  readonly heapUsedBytes: number;
  readonly heapLimitBytes: number;
  readonly externalBytes: number;
  /** Of the main thread. */
  readonly loop: LoopStats;
}

/** Watches the process, and this thread's event loop, from when it is made until it is closed. */
export class ProcessProbe {
  readonly #loop: LoopProbe;

  /** `now` in milliseconds of the monotonic clock, here and in `read`. */
  constructor(now: number) {
    this.#loop = new LoopProbe(now);
  }

  read(now: number): ProcessStats {
    const memory = process.memoryUsage();
    const cpu = process.cpuUsage();
    return {
      cpu: { user: cpu.user / 1e6, system: cpu.system / 1e6 },
      residentBytes: memory.rss,
      heapUsedBytes: memory.heapUsed,
      heapLimitBytes: getHeapStatistics().heap_size_limit,
      externalBytes: memory.external,
      loop: this.#loop.read(now),
    };
  }

  close(): void {
    this.#loop.close();
  }
}
