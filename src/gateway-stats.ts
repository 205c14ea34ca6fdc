import type { Enricher } from './enrich/enrich.ts';
import type { Exporter } from './model/export-request.ts';
import type { GatewayStats, RulesStatus } from './model/stats.ts';
import type { Pipeline } from './pipeline.ts';

export interface StatsParts {
  readonly pipeline: Pipeline;
  readonly enricher: Enricher;
  readonly exporters: readonly Exporter[];
  readonly admission: { readonly inflightBytes: number };
  readonly refused: GatewayStats['refused'];
  readonly rules: () => RulesStatus;
  readonly now: () => number;
}

/** Gathers what every part counts; nothing is counted here. */
export function gatherStats(parts: StatsParts): GatewayStats {
  const { pipeline, enricher, exporters, admission, refused } = parts;
  const { shard, received } = pipeline;
  const { buffer, decisions, ledger } = shard;
  const first = buffer.first();
  return {
    received,
    refused,
    outcomes: ledger.entries(),
    triggers: shard.judge.triggers,
    waiting: { spans: buffer.spans, traces: buffer.traces.size },
    buffer: {
      bytes: buffer.segments.bytes,
      limitBytes: buffer.segments.maxBytes,
      oldestSeconds: first < 0 ? 0 : Math.max(0, parts.now() - buffer.firstSpanAt(first)) / 1000,
    },
    inflightBytes: admission.inflightBytes,
    lateness: shard.lateness,
    remembered: { decisions: decisions.size, limit: decisions.limit, evicted: decisions.evicted },
    redactions: enricher.stats.redactions,
    malformedTraceStates: enricher.stats.malformedTraceStates,
    batching: { spans: shard.batch.spans, bytes: shard.batch.bytes },
    exporters: exporters.map(({ name, stats }) => ({ name, stats })),
    rules: parts.rules(),
  };
}
