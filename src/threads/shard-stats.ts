import type { Enricher } from '../enrich/enrich.ts';
import type { ShardMemory } from '../model/memory.ts';
import type { PipelineStats, ShardStats } from '../model/shard-stats.ts';
import type { ForwardStats, Histogram, KafkaStats, LoopStats, OverloadStats } from '../model/stats.ts';
import type { Pipeline } from '../pipeline.ts';
import type { Admission } from '../receive/admission.ts';
import { chunks } from '../receive/chunks.ts';
import { senders } from '../receive/reading.ts';
import type { ReceiveStats } from '../receive/stats.ts';
import { type Ladder, rungs } from '../shard/overload.ts';
import { addRecords } from './add-records.ts';
import { heapBytes } from './heap-bytes.ts';

/** Who counts in a shard and around it. */
interface Counting {
  readonly tenants: readonly { readonly pipeline: Pipeline; readonly emittedSpans: number }[];
  readonly enricher: Enricher;
  readonly admission: Admission;
  readonly senders: { readonly letIn: ShardStats['letIn'] };
  readonly receivers: { readonly refused: ReceiveStats; readonly connections: ShardStats['connections'] };
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
  const { tenants, enricher, admission, receivers, turns } = counting;
  return {
    pipelines: tenants.map(({ pipeline, emittedSpans }) => pipelineStats(pipeline, emittedSpans)),
    refused: receivers.refused.refused,
    letIn: counting.senders.letIn,
    inflightBytes: admission.inflightBytes,
    ...(counting.fleet && { forward: structuredClone(counting.fleet.stats) }),
    memory: memoryOf(counting, loop ? heapBytes() : 0),
    connections: structuredClone(receivers.connections),
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
    faults: shard.judge.faultWatch.entries(),
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
