import { systemClock } from './clock.ts';
import type { Exporter } from './model/export-request.ts';
import type { GatewayStats, RulesStatus } from './model/stats.ts';
import type { Paths } from './threads/paths.ts';
import { sumStats } from './threads/shard-stats.ts';

export interface StatsParts {
  readonly paths: Paths;
  readonly exporters: readonly Exporter[];
  /** Spans offered to the exporters so far. */
  readonly offeredSpans: () => number;
  readonly rules: () => RulesStatus;
}

/** Gathers what every part counts; nothing is counted here. */
export async function gatherStats({ paths, exporters, offeredSpans, rules }: StatsParts): Promise<GatewayStats> {
  const shards = await paths.stats();
  // What follows is read in one go, so that it belongs together.
  return {
    ...sumStats(shards, offeredSpans(), systemClock.monotonicMs()),
    exporters: exporters.map(({ name, stats }) => ({ name, stats: structuredClone(stats) })),
    rules: rules(),
  };
}
