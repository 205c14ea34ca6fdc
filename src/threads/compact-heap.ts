const afterStartMs = 1_000;
const burstWatchMs = 5_000;

/**
 * When a pause is worth it: so much was given back, and for so long nothing more; while there is traffic, and while
 * nobody would notice.
 */
const inTraffic = { bytes: 64 * 2 ** 20, calmMs: 15_000 };
const whenIdle = { bytes: 8 * 2 ** 20, calmMs: 5_000 };

/**
 * Gives back what loading this thread's modules left behind, once, a second after its start: 8 MB for a pause of some
 * 20 ms. V8 alone keeps the young generation as large as the start made it. Does nothing without `--expose-gc`, which
 * bin/node sets.
 */
export function compactHeapSoon(): void {
  setTimeout(collectNow, afterStartMs).unref();
}

/**
 * Does the same whenever a burst is over: when `returnedBytes`, which grows with the segments that this thread gave up,
 * has grown and then stood still for a while, for the collection leaves the young generation small, which the next
 * burst pays for. A thread with nothing to do collects no garbage by itself: those segments and what lay around them
 * (pages of records, other threads' views of shared memory) would stay until the next traffic. Ends when the timer is
 * cleared.
 */
export function compactHeapAfterBursts(returnedBytes: () => number, isIdle = (): boolean => false): NodeJS.Timeout {
  let collected = 0;
  let last = 0;
  let calmMs = 0;
  return setInterval(() => {
    const returned = returnedBytes();
    calmMs = returned === last ? calmMs + burstWatchMs : 0;
    last = returned;
    const worth = isIdle() ? whenIdle : inTraffic;
    if (calmMs < worth.calmMs || returned - collected < worth.bytes) return;
    collectNow();
    collected = returned;
  }, burstWatchMs).unref();
}

/** A pause of some 40 ms. Does nothing without `--expose-gc`. */
export const collectNow = (): void => globalThis.gc?.({ type: 'major', flavor: 'last-resort' });
