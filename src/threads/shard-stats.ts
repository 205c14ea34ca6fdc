import type { Enricher } from '../enrich/enrich.ts';
import type { ShardMemory } from '../model/memory.ts';
import type { Outcome } from '../model/outcome.ts';
import type { PipelineStats, ShardStats } from '../model/shard-stats.ts';
import type {
  ForwardStats,
  GatewayStats,
  Histogram,
  KafkaStats,
  LoopStats,
  OverloadStats,
  ShadowCount,
  TenantStats,
} from '../model/stats.ts';
import { onlyTenant, type Tenant } from '../model/tenant.ts';
import type { Pipeline } from '../pipeline.ts';
import type { Admission } from '../receive/admission.ts';
import { chunks } from '../receive/chunks.ts';
import type { ConnectionStats } from '../receive/connection-limit.ts';
import { senders } from '../receive/reading.ts';
import type { ReceiveStats } from '../receive/stats.ts';
import { type Ladder, rungs } from '../shard/overload.ts';
import { heapBytes } from './heap-bytes.ts';

/** Who counts in a shard and around it. */
interface Counting {
  readonly tenants: readonly { readonly pipeline: Pipeline; readonly emittedSpans: number }[];
  readonly enricher: Enricher;
  readonly admission: Admission;
  readonly refused: ReceiveStats;
  readonly senders: { readonly letIn: ShardStats['letIn'] };
  readonly connections: Record<'grpc' | 'http' | 'cluster', ConnectionStats>;
  readonly fleet: { readonly stats: ForwardStats } | undefined;
  readonly turns: Histogram;
  readonly kafka: { readonly stats: KafkaStats } | undefined;
}

function memoryOf({ tenants, admission, fleet }: Counting, heap: number): ShardMemory {
  const parts = tenants.map(({ pipeline: { shard } }) => {
    const { buffer, window, scan, neighbours, decisions, batches } = shard;
    return {
      ...buffer.memory,
      spare: buffer.blocks.spareBytes,
      window: window?.bytes ?? 0,
      scan: scan.bytes + (neighbours?.bytes ?? 0),
      rings: neighbours?.ringBytes ?? 0,
      decisions: decisions.bytes + shard.witnesses.bytes,
      batches: batches.heldBytes,
    };
  });
  const sum = addRecords(parts);
  return {
    inflight:
      Math.max(chunks.heldBytes, admission.inflightBytes) + senders.waiting.bytes + (fleet?.stats.heldBytes ?? 0),
    ...sum,
    spare: sum.spare + chunks.freeBytes,
    heap,
  };
}

export function shardStats(counting: Counting, loop?: LoopStats): ShardStats {
  const { tenants, enricher, admission, refused, turns } = counting;
  return {
    pipelines: tenants.map(({ pipeline, emittedSpans }) => pipelineStats(pipeline, emittedSpans)),
    refused: refused.refused,
    letIn: counting.senders.letIn,
    inflightBytes: admission.inflightBytes,
    ...(counting.fleet && { forward: structuredClone(counting.fleet.stats) }),
    memory: memoryOf(counting, loop ? heapBytes() : 0),
    connections: structuredClone(counting.connections),
    arriving: { heldBytes: chunks.heldBytes, pooledBytes: chunks.freeBytes },
    turns,
    ...(counting.kafka && { kafka: counting.kafka.stats }),
    ...(loop && { loop }),
    redactions: enricher.stats.redactions,
    malformedTraceStates: enricher.stats.malformedTraceStates,
    inconsistentTraceStates: enricher.stats.inconsistentTraceStates,
    mendedSpans: enricher.stats.mendedSpans,
  };
}

function pipelineStats({ shard, received }: Pipeline, emittedSpans: number): PipelineStats {
  const { buffer, window, decisions, ledger, neighbours, batches } = shard;
  const first = buffer.first();
  return {
    // What comes while the others' are asked for belongs to the next time.
    received: structuredClone(received),
    outcomes: ledger.entries(),
    triggers: shard.judge.triggers,
    shadow: shard.judge.shadowCounts.entries(),
    waiting: { spans: buffer.spans, traces: buffer.traces.size },
    bufferBytes: buffer.blocks.inUseBytes,
    bufferLimitBytes: buffer.blocks.maxBytes,
    window: {
      bytes: window?.bytes ?? 0,
      limitBytes: window?.maxBytes ?? 0,
      oldestAt: window?.oldestAt ?? 0,
      spans: window?.spans ?? 0,
      missedSpans: window?.missedSpans ?? 0,
      keptTraces: { ...shard.broughtBack.traces },
    },
    oldestAt: first < 0 ? 0 : buffer.firstSpanAt(first),
    overload: overloadStats(shard.overload.ladder),
    lateness: shard.lateness,
    remembered: { decisions: decisions.size, limit: decisions.limit, evicted: decisions.evicted },
    batching: { spans: batches.spans, bytes: batches.bytes },
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

type Summed = Omit<GatewayStats, 'exporters' | 'rules' | 'memory' | 'adminRefused'> & { readonly memory: ShardMemory };

/**
 * The shards' numbers, added. Each shard's were taken at a moment of its own, and the sum balances all the same: what
 * one gave away and another has not got yet, or has got already, is the difference of two counters, and counts as
 * waiting. `tenants`: those that the boot file allows, in their order.
 */
export function sumStats(
  shards: readonly ShardStats[],
  offeredSpans: number,
  now: number,
  tenants: readonly Tenant[] = [onlyTenant],
): Summed {
  const total = (of: (shard: ShardStats) => number): number => shards.reduce((sum, shard) => sum + of(shard), 0);
  const pipelines = shards.flatMap((shard) => shard.pipelines);
  return {
    ...sumPipelines(pipelines, now),
    overload: shards.map(({ pipelines }) => hardestPressed(pipelines)),
    ...(tenants[0].name !== '' && {
      tenants: tenants.map(({ index, name }) => ({
        name,
        ...sumPipelines(
          shards.map((shard) => shard.pipelines[index]),
          now,
        ),
      })),
    }),
    lateness: addHistograms(pipelines.map(({ lateness }) => lateness)),
    refused: addTables(shards.map((shard) => shard.refused)),
    letIn: {
      grpc: addLetIn(shards.map(({ letIn }) => letIn.grpc)),
      http: addLetIn(shards.map(({ letIn }) => letIn.http)),
      cluster: addLetIn(shards.map(({ letIn }) => letIn.cluster)),
    },
    inflightBytes: total((shard) => shard.inflightBytes),
    ...(shards[0].forward && { forward: addForward(shards.flatMap(({ forward }) => forward ?? [])) }),
    memory: addRecords(shards.map(({ memory }) => memory)),
    connections: addTables(shards.map((shard) => shard.connections)),
    arriving: {
      heldBytes: total((shard) => shard.arriving.heldBytes),
      pooledBytes: total((shard) => shard.arriving.pooledBytes),
    },
    silentShards: shards.flatMap(({ silentMs }, number) => (silentMs === undefined ? [] : [number])),
    turns: addHistograms(shards.map((shard) => shard.turns)),
    loops: shards.flatMap(({ loop }, number) => (loop === undefined ? [] : [{ thread: `shard ${number}`, loop }])),
    ...(shards.some(({ kafka }) => kafka) && { kafka: addKafka(shards.flatMap(({ kafka }) => kafka ?? [])) }),
    redactions: addRecords(shards.map((shard) => shard.redactions)),
    malformedTraceStates: total((shard) => shard.malformedTraceStates),
    inconsistentTraceStates: total((shard) => shard.inconsistentTraceStates),
    mendedSpans: total((shard) => shard.mendedSpans),
    batching: {
      spans: sumOf(pipelines, ({ batching, emittedSpans }) => batching.spans + emittedSpans) - offeredSpans,
      bytes: sumOf(pipelines, ({ batching }) => batching.bytes),
    },
  };
}

/** The numbers of several pipelines, of one tenant or of all. */
function sumPipelines(pipelines: readonly PipelineStats[], now: number): Omit<TenantStats, 'name'> {
  const secondsSince = (moments: readonly number[]): number => {
    const oldestAt = Math.min(...moments.map((at) => at || Number.POSITIVE_INFINITY));
    return Number.isFinite(oldestAt) ? Math.max(0, now - oldestAt) / 1000 : 0;
  };
  return {
    received: addTables(pipelines.map((each) => each.received)),
    outcomes: addOutcomes(pipelines),
    triggers: addRecords(pipelines.map((each) => each.triggers)),
    shadow: addShadow(pipelines.flatMap(({ shadow }) => shadow)),
    waiting: {
      spans: sumOf(pipelines, ({ waiting, handedOver, takenOver }) => waiting.spans + handedOver - takenOver),
      traces: sumOf(pipelines, ({ waiting }) => waiting.traces),
    },
    buffer: {
      bytes: sumOf(pipelines, (each) => each.bufferBytes),
      limitBytes: sumOf(pipelines, (each) => each.bufferLimitBytes),
      oldestSeconds: secondsSince(pipelines.map((each) => each.oldestAt)),
    },
    window: {
      bytes: sumOf(pipelines, ({ window }) => window.bytes),
      limitBytes: sumOf(pipelines, ({ window }) => window.limitBytes),
      oldestSeconds: secondsSince(pipelines.map(({ window }) => window.oldestAt)),
      spans: sumOf(pipelines, ({ window }) => window.spans),
      missedSpans: sumOf(pipelines, ({ window }) => window.missedSpans),
      keptTraces: addRecords(pipelines.map(({ window }) => window.keptTraces)),
    },
    overload: pipelines.map((each) => each.overload),
    remembered: {
      decisions: sumOf(pipelines, (each) => each.remembered.decisions),
      limit: sumOf(pipelines, (each) => each.remembered.limit),
      evicted: sumOf(pipelines, (each) => each.remembered.evicted),
    },
  };
}

/** A partition is read by one shard at a time; numbers and whether it works are added. */
function addKafka(all: readonly KafkaStats[]): KafkaStats {
  const written = all.flatMap((each) => each.written ?? []);
  const read = all.flatMap((each) => each.read ?? []);
  return {
    ...(written.length > 0 && {
      written: {
        heldBytes: sumOf(written, (it) => it.heldBytes),
        writtenRecords: sumOf(written, (it) => it.writtenRecords),
        writtenBytes: sumOf(written, (it) => it.writtenBytes),
        failedRecords: sumOf(written, (it) => it.failedRecords),
        lastError: firstOf(written),
      },
    }),
    ...(read.length > 0 && {
      read: {
        messages: sumOf(read, (it) => it.messages),
        bytes: sumOf(read, (it) => it.bytes),
        commits: sumOf(read, (it) => it.commits),
        failedCommits: sumOf(read, (it) => it.failedCommits),
        poison: sumOf(read, (it) => it.poison),
        rebalances: sumOf(read, (it) => it.rebalances),
        rewinds: sumOf(read, (it) => it.rewinds),
        connected: read.every((it) => it.connected),
        paused: read.some((it) => it.paused),
        lag: Object.assign({}, ...read.map((it) => it.lag)),
        lastError: firstOf(read),
      },
    }),
  };
}

const firstOf = (all: readonly { readonly lastError: string }[]): string =>
  all.find(({ lastError }) => lastError !== '')?.lastError ?? '';

function addForward(all: readonly ForwardStats[]): ForwardStats {
  const names = new Set(all.flatMap(({ members }) => Object.keys(members)));
  const ofMember = (name: string) => addRecords(all.flatMap(({ members }) => members[name] ?? []));
  return {
    members: Object.fromEntries([...names].map((name) => [name, ofMember(name)])),
    ...addRecords(all.map(({ members, ...numbers }) => numbers)),
  };
}

function addShadow(counts: readonly ShadowCount[]): ShadowCount[] {
  const sums = new Map<string, ShadowCount>();
  for (const { policy, vote, traces } of counts) {
    const key = `${vote} ${policy}`;
    sums.set(key, { policy, vote, traces: (sums.get(key)?.traces ?? 0) + traces });
  }
  return [...sums.values()];
}

function sumOf<T>(all: readonly T[], of: (each: T) => number): number {
  return all.reduce((sum, each) => sum + of(each), 0);
}

function hardestPressed(pipelines: readonly PipelineStats[]): OverloadStats {
  return pipelines.map(({ overload }) => overload).reduce((most, each) => (each.rung > most.rung ? each : most));
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

/** Shards hear of other credentials one after the other: one may not know a name yet that another counts. */
function addLetIn(shards: readonly ShardStats['letIn']['grpc'][]): ShardStats['letIn']['grpc'] {
  const sums = new Map<string, number>();
  for (const [name, { requests }] of shards.flatMap((shard) => Object.entries(shard)))
    sums.set(name, (sums.get(name) ?? 0) + requests);
  return Object.fromEntries([...sums].map(([name, requests]) => [name, { requests }]));
}

function addOutcomes(pipelines: readonly PipelineStats[]): Summed['outcomes'] {
  const sums = new Map<string, { outcome: Outcome; policy: string; spans: number; traces: number }>();
  for (const entry of pipelines.flatMap((each) => each.outcomes)) {
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
