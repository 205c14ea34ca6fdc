/**
 * The two clocks, handed in so that a test can turn each by hand. Nothing takes one for the other: `monotonicMs` is for
 * waits, deadlines and ages; `unixMs`, which an operator or NTP may set at any moment, for what is shown and stored.
 */
export interface Clock {
  /**
   * Milliseconds since some moment before the start, with fractions. Never set and never back; the same in all threads
   * of a machine.
   */
  monotonicMs(): number;
  /** Unix milliseconds, as the machine's clock has it now. */
  unixMs(): number;
}

export const systemClock: Clock = { monotonicMs, unixMs: Date.now };

/** The Unix time of a moment of the monotonic clock, by what the wall clock says now. */
export function unixMsOf(monotonic: number, clock: Clock): number {
  return Math.round(clock.unixMs() - (clock.monotonicMs() - monotonic));
}

/**
 * CLOCK_MONOTONIC (uv_hrtime). `performance.now()` is the same clock counted from the start of each thread, so threads
 * could not compare it.
 */
function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}
