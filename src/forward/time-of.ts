import type { Visited } from '../route/fleet-path.ts';

/** What is passed on is answered before whoever sent it takes this member for silent: it has less than half of the time. */
const shareOfNext = 0.45;

/**
 * How long what came by `visited` is tried, and how long one call of it takes. Of `timeoutMs` where it came from a sender;
 * a call leaves time for another member.
 */
export function timeOf(timeoutMs: number, { length: hops }: Visited): { inAllMs: number; oneCallMs: number } {
  const inAllMs = timeoutMs * shareOfNext ** hops;
  return { inAllMs, oneCallMs: hops === 0 ? inAllMs / 2 : (inAllMs * 2) / 3 };
}
