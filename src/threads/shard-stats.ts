import type { Enricher } from '../enrich/enrich.ts';
import type { ShardMemory } from '../model/memory.ts';
import type { Outcome } from '../model/outcome.ts';
import type { ShardStats } from '../model/shard-stats.ts';
import type { GatewayStats, Histogram, LoopStats, OverloadStats } from '../model/stats.ts';
import type { Pipeline } from '../pipeline.ts';
import type { Admission } from '../receive/admission.ts';
import { chunks } from '../receive/chunks.ts';
import type { ConnectionStats } from '../receive/connection-limit.ts';
import type { ReceiveStats } from '../receive/stats.ts';
import { type Ladder, rungs } from '../shard/overload.ts';
import { heapBytes } from './heap-bytes.ts';

/** Who counts in a shard and around it. */
interface Counting {
  readonly pipeline: Pipeline;
  readonly enricher: Enricher;
  readonly admission: Admission;
  readonly refused: ReceiveStats;
  readonly connections: Record<'grpc' | 'http', ConnectionStats>;
  readonly emittedSpans: number;
  readonly turns: Histogram;
}

function memoryOf({ pipeline: { shard }, admission }: Counting, heap: number): ShardMemory {
  const { buffer, scan, neighbours, decisions, batch } = shard;
  return {
    inflight: Math.max(chunks.heldBytes, admission.inflightBytes),
    ...buffer.memory,
    spare: buffer.blocks.spareBytes + chunks.freeBytes,
    scan: scan.bytes + (neighbours?.bytes ?? 0),
    rings: neighbours?.ringBytes ?? 0,
    decisions: decisions.bytes,
    batches: batch.heldBytes,
    heap,
  };
}

export function shardStats(counting: Counting, loop?: LoopStats): ShardStats {
  const { pipeline, enricher, admission, refused, emittedSpans, turns } = counting;
  const { shard, received } = pipeline;
  const { buffer, decisions, ledger, neighbours, batch } = shard;
  const first = buffer.first();
  return {
    received,
    refused: refused.refused,
    outcomes: ledger.entries(),
    triggers: shard.judge.triggers,
    waiting: { spans: buffer.spans, traces: buffer.traces.size },
    bufferBytes: buffer.blocks.inUseBytes,
    bufferLimitBytes: buffer.blocks.maxBytes,
    oldestAt: first < 0 ? 0 : buffer.firstSpanAt(first),
    inflightBytes: admission.inflightBytes,
    memory: memoryOf(counting, loop ? heapBytes() : 0),
    connections: { grpc: { ...counting.connections.grpc }, http: { ...counting.connections.http } },
    arriving: { heldBytes: chunks.heldBytes, pooledBytes: chunks.freeBytes },
    overload: overloadStats(shard.overload.ladder),
    lateness: shard.lateness,
    turns,
    ...(loop && { loop }),
    remembered: { decisions: decisions.size, limit: decisions.limit, evicted: decisions.evicted },
    redactions: enricher.stats.redactions,
    malformedTraceStates: enricher.stats.malformedTraceStates,
    mendedSpans: enricher.stats.mendedSpans,
    batching: { spans: batch.spans, bytes: batch.bytes },
    emittedSpans,
    handedOver: neighbours?.handedOver ?? 0,
    takenOver: neighbours?.takenOver ?? 0,
  };
}

export const overloadStats = ({ rung, cause, floorBits }: Ladder): OverloadStats => ({
  rung,
  name: rungs[rung],
  cause,
  keepsOneIn: 2 ** floorBits,
});

type Summed = Omit<GatewayStats, 'exporters' | 'rules' | 'memory'> & { readonly memory: ShardMemory };

/**
 * The shards' numbers, added. Each shard's were taken at a moment of its own, and the sum balances all the same: what
 * one gave away and another has not got yet, or has got already, is the difference of two counters, and counts as
 * waiting.
 */
export function sumStats(shards: readonly ShardStats[], offeredSpans: number, now: number): Summed {
  const total = (of: (shard: ShardStats) => number): number => shards.reduce((sum, shard) => sum + of(shard), 0);
  const oldestAt = Math.min(...shards.map((shard) => shard.oldestAt || Number.POSITIVE_INFINITY));
  return {
    received: addTables(shards.map((shard) => shard.received)),
    refused: addTables(shards.map((shard) => shard.refused)),
    outcomes: addOutcomes(shards),
    triggers: addRecords(shards.map((shard) => shard.triggers)),
    waiting: {
      spans: total(({ waiting, handedOver, takenOver }) => waiting.spans + handedOver - takenOver),
      traces: total(({ waiting }) => waiting.traces),
    },
    buffer: {
      bytes: total((shard) => shard.bufferBytes),
      limitBytes: total((shard) => shard.bufferLimitBytes),
      oldestSeconds: Number.isFinite(oldestAt) ? Math.max(0, now - oldestAt) / 1000 : 0,
    },
    inflightBytes: total((shard) => shard.inflightBytes),
    memory: addRecords(shards.map(({ memory }) => memory)),
    connections: addTables(shards.map((shard) => shard.connections)),
    arriving: {
      heldBytes: total((shard) => shard.arriving.heldBytes),
      pooledBytes: total((shard) => shard.arriving.pooledBytes),
    },
    overload: shards.map((shard) => shard.overload),
    lateness: addHistograms(shards.map((shard) => shard.lateness)),
    silentShards: shards.flatMap(({ silentMs }, number) => (silentMs === undefined ? [] : [number])),
    turns: addHistograms(shards.map((shard) => shard.turns)),
    loops: shards.flatMap(({ loop }, number) => (loop === undefined ? [] : [{ thread: `shard ${number}`, loop }])),
    remembered: {
      decisions: total((shard) => shard.remembered.decisions),
      limit: total((shard) => shard.remembered.limit),
      evicted: total((shard) => shard.remembered.evicted),
    },
    redactions: addRecords(shards.map((shard) => shard.redactions)),
    malformedTraceStates: total((shard) => shard.malformedTraceStates),
    mendedSpans: total((shard) => shard.mendedSpans),
    batching: {
      spans: total(({ batching, emittedSpans }) => batching.spans + emittedSpans) - offeredSpans,
      bytes: total(({ batching }) => batching.bytes),
    },
  };
}

function addRecords<K extends string>(records: readonly Record<K, number>[]): Record<K, number> {
  const sum = {} as Record<K, number>;
  for (const record of records) {
    for (const key of Object.keys(record) as K[]) sum[key] = (sum[key] ?? 0) + record[key];
  }
  return sum;
}

function addTables<K extends string, T extends Record<string, number>>(tables: readonly Record<K, T>[]): Record<K, T> {
  const keys = Object.keys(tables[0]) as K[];
  return Object.fromEntries(keys.map((key) => [key, addRecords(tables.map((table) => table[key]))])) as Record<K, T>;
}

function addOutcomes(shards: readonly ShardStats[]): Summed['outcomes'] {
  const sums = new Map<string, { outcome: Outcome; policy: string; spans: number; traces: number }>();
  for (const entry of shards.flatMap((shard) => shard.outcomes)) {
    const key = `${entry.outcome} ${entry.policy}`;
    const sum = sums.get(key) ?? { ...entry, spans: 0, traces: 0 };
    sums.set(key, { ...sum, spans: sum.spans + entry.spans, traces: sum.traces + entry.traces });
  }
  return [...sums.values()];
}

function addHistograms(all: readonly Histogram[]): Histogram {
  return {
    bounds: all[0].bounds,
    counts: all[0].counts.map((_, i) => all.reduce((sum, { counts }) => sum + counts[i], 0)),
    sum: all.reduce((sum, histogram) => sum + histogram.sum, 0),
  };
}
