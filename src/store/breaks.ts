import { type Clock, systemClock } from '../clock.ts';

/** How long the path waits at most for work to let it in, and how long the break after it is at least. */
const workMs = 0.5;
const breakMs = 0.05;

/**
 * Breaks in work that a thread does in one go beside the path. A lower priority alone does not let the path in when it
 * wakes up: the kernel lets who runs have its slice first, or runs on to its next tick, 4 ms at 250 Hz.
 */
export class Breaks {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #sleep: (ms: number) => void;
  #since: number;

  constructor(clock: Pick<Clock, 'monotonicMs'> = systemClock, sleep = sleepHere) {
    this.#clock = clock;
    this.#sleep = sleep;
    this.#since = clock.monotonicMs();
  }

  /** Sleeps where it is time for a break. */
  take(): void {
    if (this.#clock.monotonicMs() - this.#since < workMs) return;
    this.#sleep(breakMs);
    this.#since = this.#clock.monotonicMs();
  }
}

const never = new Int32Array(new SharedArrayBuffer(4));
const sleepHere = (ms: number): void => void Atomics.wait(never, 0, 0, ms);
