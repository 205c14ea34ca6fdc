import type { Clock } from '../../src/clock.ts';

/**
 * Two clocks that stand still until they are turned: time passes on both, and `unix` may be set besides, as an operator
 * would.
 */
export class HandClock implements Clock {
  /** A machine that started an hour and a half ago. */
  monotonic = 5_400_000;
  unix = 1_790_000_000_000;

  monotonicMs = (): number => this.monotonic;
  unixMs = (): number => this.unix;

  pass(ms: number): void {
    this.monotonic += ms;
    this.unix += ms;
  }
}
