import type { Explanation } from './model/explanation.ts';
import { everyTrace } from './shard/explain-exporters.ts';
import type { Shards } from './threads/shards.ts';

/** How long a question why waits for the spans that it is about. */
const explainWithinMs = 2_000;

interface Explaining {
  readonly shards: Pick<Shards, 'explain' | 'pastTraces'>;
  readonly hasWindow: boolean;
  /** Their names, in the order of the boot file. */
  readonly exporters: readonly string[];
}

/**
 * Why a trace was kept or dropped, in words where its spans are in the window still: a shard that does not say in time
 * what it has of them, or another, is not waited for.
 */
export async function explained(
  from: Explaining,
  id: string,
  tenant: number,
  over: AbortSignal,
): Promise<Explanation | undefined> {
  const explanation = await votesOf(from, id, tenant, over);
  return explanation && withNames(explanation, from.exporters);
}

/** Of the boot file: names of exporters, in its order. */
function withNames(explanation: Explanation, names: readonly string[]): Explanation {
  if (explanation.verdict !== 'keep') return explanation;
  const all = names.map(() => ({ gets: true, why: everyTrace }));
  const { exporters = all } = explanation;
  return { ...explanation, exporters: exporters.map((share, at) => ({ exporter: names[at] ?? '', ...share })) };
}

async function votesOf(
  { shards, hasWindow }: Explaining,
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
