import { systemClock } from '../clock.ts';

/**
 * Calls `close`, which stops accepting and reports when the last connection is gone, and `cut`, which ends those that
 * are left, at `deadlineMs` of the monotonic clock. Resolves when all are gone: nothing is held for anyone any more.
 */
export async function closeBy(deadlineMs: number, close: (done: () => void) => void, cut: () => void): Promise<void> {
  const late = setTimeout(cut, Math.max(0, deadlineMs - systemClock.monotonicMs()));
  await new Promise<void>((resolve) => close(resolve));
  clearTimeout(late);
}
