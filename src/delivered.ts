import type { FanOut } from './fan-out.ts';
import type { Shards } from './threads/shards.ts';

/**
 * Says whether all that was decided before the question has been delivered: has every shard hand over its batch, then
 * waits for all that was emitted. Requests of a shard come here in the order in which it wrote them, and before its
 * answer: both come by the same way. False when spans failed, since that shard asked last, for a reason that passes:
 * they are to be read again. Nobody knows any more who had read those spans, so every shard is told of every failure.
 */
export function deliveries(shards: Pick<Shards, 'flush'>, fanOut: FanOut): (shard: number) => Promise<boolean> {
  /** By the shard that asked. */
  const failedBefore = new Map<number, number>();
  let last: Promise<unknown> = Promise.resolve();
  const ask = async (shard: number): Promise<boolean> => {
    await shards.flush();
    await fanOut.ended();
    const failed = fanOut.passinglyFailedSpans;
    const isDelivered = failed === (failedBefore.get(shard) ?? 0);
    failedBefore.set(shard, failed);
    return isDelivered;
  };
  return (shard) => {
    const answer = last.then(() => ask(shard));
    last = answer.catch(() => {});
    return answer;
  };
}
