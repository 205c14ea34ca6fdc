import type { FanOut } from './fan-out.ts';
import type { Shards } from './threads/shards.ts';

/**
 * Says whether all that was decided before the question has been delivered: has every shard hand over its batch, then
 * waits for all that was emitted. Requests of a shard come here in the order in which it wrote them, and before its
 * answer: both come by the same way. False when spans failed, since the last time, for a reason that passes: they are
 * to be read again. Questions are answered one after the other, so each failure is one question's.
 */
export function deliveries(shards: Pick<Shards, 'flush'>, fanOut: FanOut): () => Promise<boolean> {
  let failedBefore = 0;
  let last: Promise<unknown> = Promise.resolve();
  const ask = async (): Promise<boolean> => {
    await shards.flush();
    await fanOut.ended();
    const failed = fanOut.passinglyFailedSpans;
    const isDelivered = failed === failedBefore;
    failedBefore = failed;
    return isDelivered;
  };
  return () => {
    const answer = last.then(ask);
    last = answer.catch(() => {});
    return answer;
  };
}
