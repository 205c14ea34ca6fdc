import { systemClock } from './clock.ts';
import type { FanOut } from './fan-out.ts';
import type { GatewayStats, RulesStatus } from './model/stats.ts';
import { sumStats } from './threads/shard-stats.ts';
import type { Shards } from './threads/shards.ts';

interface StatsParts {
  readonly shards: Shards;
  readonly fanOut: FanOut;
  readonly rules: () => RulesStatus;
}

/** Gathers what every part counts; nothing is counted here. */
export async function gatherStats({ shards, fanOut, rules }: StatsParts): Promise<GatewayStats> {
  const each = await shards.stats();
  // What follows is read in one go, so that it belongs together.
  return {
    ...sumStats(each, fanOut.offeredSpans, systemClock.monotonicMs()),
    exporters: fanOut.stats(),
    rules: rules(),
  };
}
