const settleMs = 1_000;
const burstWatchMs = 15_000;
/** What a burst must have given back to be worth a pause. */
const leastBytes = 64 * 2 ** 20;

/**
 * Gives back what loading this thread's modules left behind, once, a second after its start: 8 MB for a pause of some 20 ms. V8 alone
 * keeps the young generation as large as the start made it. Does nothing without `--expose-gc`, which bin/node sets.
 */
export function settleSoon(): void {
  setTimeout(collect, settleMs).unref();
}

/**
 * Does the same whenever a burst is over: when `returnedBytes`, which grows with the segments that this thread gave up, has grown and
 * then stood still for a quarter of a minute: the collection leaves the young generation small, which the next burst pays for. An idle thread collects no garbage by itself: what lay around those segments (sockets'
 * buffers, pages of records, other threads' views of shared memory) would stay until the next traffic. Ends when the timer is cleared.
 */
export function settleAfterBursts(returnedBytes: () => number): NodeJS.Timeout {
  let settled = 0;
  let last = 0;
  return setInterval(() => {
    const returned = returnedBytes();
    if (returned === last && returned - settled >= leastBytes) {
      collect();
      settled = returned;
    }
    last = returned;
  }, burstWatchMs).unref();
}

const collect = (): void => globalThis.gc?.({ type: 'major', flavor: 'last-resort' });
