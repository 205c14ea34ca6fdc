import { type Clock, systemClock } from '../clock.ts';

/** Time and chance, handed in so that a test can turn them by hand. */
export interface ExportClock extends Clock {
  /** 0 ≤ x < 1. */
  random(): number;
  /** Runs `run` once after `ms`; the function returned calls it off. */
  after(ms: number, run: () => void): () => void;
}

/** Node runs a timer beyond this at once; a wait of 24 days may as well end early. */
const longestTimerMs = 2 ** 31 - 1;

export const exportClock: ExportClock = {
  ...systemClock,
  random: Math.random,
  after: (ms, run) => {
    const timer = setTimeout(run, Math.min(ms, longestTimerMs));
    return () => clearTimeout(timer);
  },
};

/** Resolves after `ms`, or as soon as `signal` aborts. */
export function sleep(clock: ExportClock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const wake = () => {
      callOff();
      signal.removeEventListener('abort', wake);
      resolve();
    };
    const callOff = clock.after(ms, wake);
    signal.addEventListener('abort', wake);
  });
}
