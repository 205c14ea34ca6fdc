import type { Explanation } from './model/explanation.ts';
import type { Shards } from './threads/shards.ts';

/** How long a question why waits for the spans that it is about. */
const explainWithinMs = 2_000;

/**
 * Why a trace was kept or dropped, in words where its spans are in the window still: a shard that does not say in time
 * what it has of them, or another, is not waited for.
 */
export async function explained(
  { shards, hasWindow }: { readonly shards: Pick<Shards, 'explain' | 'pastTraces'>; readonly hasWindow: boolean },
  id: string,
  tenant: number,
  over: AbortSignal,
): Promise<Explanation | undefined> {
  const votes = await shards.explain(id, tenant, []);
  if (votes === undefined || !hasWindow) return votes;
  const soon = AbortSignal.any([over, AbortSignal.timeout(explainWithinMs)]);
  const past = await shards.pastTraces([id], tenant, soon).catch(() => []);
  const parts = past.flatMap(([trace]) => trace?.parts ?? []);
  return parts.length === 0 ? votes : ((await shards.explain(id, tenant, parts)) ?? votes);
}
