import { systemClock } from './clock.ts';
import type { Exporter } from './model/export-request.ts';
import type { GatewayStats, RulesStatus } from './model/stats.ts';
import { sumStats } from './threads/shard-stats.ts';
import type { Shards } from './threads/shards.ts';

interface StatsParts {
  readonly shards: Shards;
  readonly exporters: readonly Exporter[];
  /** Spans offered to the exporters so far. */
  readonly offeredSpans: () => number;
  readonly rules: () => RulesStatus;
}

/** Gathers what every part counts; nothing is counted here. */
export async function gatherStats({ shards, exporters, offeredSpans, rules }: StatsParts): Promise<GatewayStats> {
  const each = await shards.stats();
  // What follows is read in one go, so that it belongs together.
  return {
    ...sumStats(each, offeredSpans(), systemClock.monotonicMs()),
    exporters: exporters.map(({ name, stats }) => ({ name, stats: structuredClone(stats) })),
    rules: rules(),
  };
}
