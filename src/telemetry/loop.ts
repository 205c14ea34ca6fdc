import { constants, type ELDHistogram, monitorEventLoopDelay, PerformanceObserver, performance } from 'node:perf_hooks';
import type { GcKind, LoopStats } from '../model/stats.ts';

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

/** Watches the event loop of the thread that makes it, until it is closed. */
export class LoopProbe {
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

  /** `now` in milliseconds of the monotonic clock, here and in `read`. */
  constructor(now: number) {
    this.#windowStart = now;
    this.#delay.enable();
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  read(now: number): LoopStats {
    const { active, idle } = performance.eventLoopUtilization();
    const delay = this.#recentDelay(now);
    return {
      activeSeconds: active / 1e3,
      idleSeconds: idle / 1e3,
      delayP99Seconds: delay.p99,
      delayMaxSeconds: delay.max,
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
