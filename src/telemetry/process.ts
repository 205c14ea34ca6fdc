import { constants, type ELDHistogram, monitorEventLoopDelay, PerformanceObserver, performance } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';

/** What the process spends. Seconds and bytes; counters run from the start of the process. */
export interface ProcessStats {
  readonly cpu: { readonly user: number; readonly system: number };
  readonly residentBytes: number;
  readonly heapUsedBytes: number;
  readonly heapLimitBytes: number;
  readonly externalBytes: number;
  readonly eventLoop: {
    readonly activeSeconds: number;
    readonly idleSeconds: number;
    /** How much later than due timers ran in the last 15 to 30 seconds, or since the last read where that is longer. */
    readonly delayP99Seconds: number;
    readonly delayMaxSeconds: number;
  };
  /** Pauses of this thread for garbage collection, by kind. */
  readonly gc: Readonly<Record<GcKind, { count: number; seconds: number }>>;
}

export type GcKind = 'minor' | 'major' | 'incremental' | 'weakcb';

const gcKinds: Readonly<Record<number, GcKind>> = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weakcb',
};

const resolutionMs = 20;
const windowMs = 15_000;

interface Delay {
  readonly p99: number;
  readonly max: number;
}

/** Watches this thread from when it is made until it is closed. */
export class ProcessProbe {
  readonly #delay = monitorEventLoopDelay({ resolution: resolutionMs });
  readonly #observer = new PerformanceObserver((list) => this.#count(list.getEntries() as GcEntry[]));
  readonly #gc: Record<GcKind, { count: number; seconds: number }> = {
    minor: { count: 0, seconds: 0 },
    major: { count: 0, seconds: 0 },
    incremental: { count: 0, seconds: 0 },
    weakcb: { count: 0, seconds: 0 },
  };
  #previous: Delay = { p99: 0, max: 0 };
  #windowStart: number;

  /** `now` in Unix milliseconds, here and in `read`. */
  constructor(now: number) {
    this.#windowStart = now;
    this.#delay.enable();
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  read(now: number): ProcessStats {
    const memory = process.memoryUsage();
    const cpu = process.cpuUsage();
    const loop = performance.eventLoopUtilization();
    const delay = this.#recentDelay(now);
    return {
      cpu: { user: cpu.user / 1e6, system: cpu.system / 1e6 },
      residentBytes: memory.rss,
      heapUsedBytes: memory.heapUsed,
      heapLimitBytes: getHeapStatistics().heap_size_limit,
      externalBytes: memory.external,
      eventLoop: {
        activeSeconds: loop.active / 1e3,
        idleSeconds: loop.idle / 1e3,
        delayP99Seconds: delay.p99,
        delayMaxSeconds: delay.max,
      },
      gc: this.#gc,
    };
  }

  close(): void {
    this.#delay.disable();
    this.#observer.disconnect();
  }

  /** The worse of this window and the one before, so that two scrapers do not take a spike from each other. */
  #recentDelay(now: number): Delay {
    const current = delayOf(this.#delay);
    const worse = { p99: Math.max(current.p99, this.#previous.p99), max: Math.max(current.max, this.#previous.max) };
    if (now - this.#windowStart < windowMs) return worse;
    this.#previous = current;
    this.#windowStart = now;
    this.#delay.reset();
    return worse;
  }

  #count(entries: readonly GcEntry[]): void {
    for (const entry of entries) {
      const kind = gcKinds[entry.detail?.kind ?? -1];
      if (kind === undefined) continue;
      this.#gc[kind].count++;
      this.#gc[kind].seconds += entry.duration / 1e3;
    }
  }
}

interface GcEntry {
  readonly duration: number;
  readonly detail?: { readonly kind?: number };
}

/** Node records the whole interval between two timers in nanoseconds; what exceeds the resolution is delay. */
function delayOf(histogram: ELDHistogram): Delay {
  if (histogram.count === 0) return { p99: 0, max: 0 };
  const beyond = (ns: number) => Math.max(0, ns / 1e6 - resolutionMs) / 1e3;
  return { p99: beyond(histogram.percentile(99)), max: beyond(histogram.max) };
}
