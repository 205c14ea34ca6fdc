import type { Way } from '../route/fleet-path.ts';

/** Of the time of the call by which it came: what is passed on is answered before whoever sent it gives that call up. */
const shareOfCall = 0.9;

/**
 * How long what came by `visited` is tried, and how long one call of it takes, in whole milliseconds as timers need them.
 * Of `timeoutMs` where it came from a sender; a call leaves time for another member.
 */
export function timeOf(timeoutMs: number, { length: hops }: Way['visited']): { inAllMs: number; oneCallMs: number } {
  let inAllMs = timeoutMs;
  let oneCallMs = Math.floor(timeoutMs / 2);
  for (let hop = 0; hop < hops; hop++) {
    inAllMs = Math.floor(oneCallMs * shareOfCall);
    oneCallMs = Math.max(1, Math.floor((inAllMs * 2) / 3));
  }
  return { inAllMs, oneCallMs };
}
