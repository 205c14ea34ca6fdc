import type { ShardMemory } from '../model/memory.ts';
import type { PipelineStats, ShardStats } from '../model/shard-stats.ts';
import type {
  FaultCount,
  ForwardStats,
  GatewayStats,
  Histogram,
  KafkaStats,
  OutcomeCount,
  OverloadStats,
  ShadowCount,
  TenantStats,
} from '../model/stats.ts';
import { onlyTenant, type Tenant } from '../model/tenant.ts';
import { addRecords, addTables } from './add-records.ts';

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
      grpc: addTables(shards.map(({ letIn }) => letIn.grpc)),
      http: addTables(shards.map(({ letIn }) => letIn.http)),
      cluster: addTables(shards.map(({ letIn }) => letIn.cluster)),
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
    faults: addFaults(pipelines.flatMap(({ faults }) => faults)),
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
    remembered: addRecords(pipelines.map((each) => each.remembered)),
  };
}

/** A partition is read by one shard at a time; numbers and whether it works are added. */
function addKafka(all: readonly KafkaStats[]): KafkaStats {
  const written = all.flatMap((each) => each.written ?? []);
  const read = all.flatMap((each) => each.read ?? []);
  return {
    ...(written.length > 0 && {
      written: {
        ...addRecords(written.map(({ lastError, ...numbers }) => numbers)),
        lastError: firstOf(written),
      },
    }),
    ...(read.length > 0 && {
      read: {
        ...addRecords(read.map(({ connected, paused, lag, lastError, ...numbers }) => numbers)),
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
  return {
    members: addTables(all.map(({ members }) => members)),
    ...addRecords(all.map(({ members, ...numbers }) => numbers)),
  };
}

function addFaults(counts: readonly FaultCount[]): FaultCount[] {
  const sums = new Map<string, FaultCount>();
  for (const { policy, asked, faults } of counts) {
    const sum = sums.get(policy);
    sums.set(policy, { policy, asked: (sum?.asked ?? 0) + asked, faults: (sum?.faults ?? 0) + faults });
  }
  return [...sums.values()];
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

function addOutcomes(pipelines: readonly PipelineStats[]): Summed['outcomes'] {
  const sums = new Map<string, OutcomeCount>();
  for (const entry of pipelines.flatMap((each) => each.outcomes)) {
    const key = `${entry.outcome} ${entry.policy}`;
    const sum = sums.get(key);
    sums.set(key, sum === undefined ? entry : added(sum, entry));
  }
  return [...sums.values()];
}

function added(a: OutcomeCount, b: OutcomeCount): OutcomeCount {
  const last = (a.last?.at ?? 0) > (b.last?.at ?? 0) ? a.last : b.last;
  return { ...a, spans: a.spans + b.spans, traces: a.traces + b.traces, ...(last && { last }) };
}

function addHistograms(all: readonly Histogram[]): Histogram {
  return {
    bounds: all[0].bounds,
    counts: all[0].counts.map((_, i) => all.reduce((sum, { counts }) => sum + counts[i], 0)),
    sum: all.reduce((sum, histogram) => sum + histogram.sum, 0),
  };
}
