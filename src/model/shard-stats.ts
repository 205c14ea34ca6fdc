import type { Way } from './brought-back.ts';
import type { ShardMemory } from './memory.ts';
import type { Source, Trigger } from './outcome.ts';
import type {
  FaultCount,
  ForwardStats,
  Histogram,
  KafkaStats,
  LoopStats,
  OutcomeCount,
  OverloadStats,
  ShadowCount,
} from './stats.ts';

type Tally = { spans: number; bytes: number; requests: number };

/** What one tenant's pipeline of one shard counts. */
export interface PipelineStats {
  readonly received: Record<Source, Tally>;
  readonly outcomes: readonly OutcomeCount[];
  readonly triggers: Record<Trigger, number>;
  readonly shadow: readonly ShadowCount[];
  readonly faults: readonly FaultCount[];
  readonly waiting: { readonly spans: number; readonly traces: number };
  readonly bufferBytes: number;
  readonly bufferLimitBytes: number;
  readonly window: {
    readonly bytes: number;
    readonly limitBytes: number;
    /** When its oldest message landed, by the monotonic clock; 0 = it is empty. */
    readonly oldestAt: number;
    readonly spans: number;
    readonly missedSpans: number;
    readonly keptTraces: Readonly<Record<Way, number>>;
  };
  /** When the oldest waiting trace began, by the monotonic clock; 0 = nothing waits. */
  readonly oldestAt: number;
  /** Where it stands on the ladder, see shard/overload.ts, and why; it keeps one trace in `keepsOneIn` at most. */
  readonly overload: OverloadStats;
  readonly lateness: Histogram;
  readonly remembered: { readonly decisions: number; readonly limit: number; readonly evicted: number };
  /** In the open batch, and handed to the exporters since the start. */
  readonly batching: { readonly spans: number; readonly bytes: number };
  readonly emittedSpans: number;
  /** Spans given to and got from other shards. */
  readonly handedOver: number;
  readonly takenOver: number;
}

/** What one shard and its receivers count: plain numbers, taken at one moment of that shard. */
export interface ShardStats {
  /** The shard did not answer in time; this is what it said so many milliseconds before. */
  readonly silentMs?: number;
  /** By tenant, in their order. */
  readonly pipelines: readonly PipelineStats[];
  readonly refused: Record<string, { requests: number; bytes: number }>;
  /** By protocol, where it asks for credentials, and by the names of those. */
  readonly letIn: Record<'grpc' | 'http' | 'cluster', Record<string, { requests: number }>>;
  readonly inflightBytes: number;
  /** Where there are other gateways. */
  readonly forward?: ForwardStats;
  readonly memory: ShardMemory;
  readonly connections: Record<'grpc' | 'http' | 'cluster', { open: number; sentAway: number; refused: number }>;
  /** Memory for requests that have not come whole: what they hold of it, and what waits for the next ones. */
  readonly arriving: { readonly heldBytes: number; readonly pooledBytes: number };
  readonly turns: Histogram;
  /** Of the shard's own thread, where it has one. */
  readonly loop?: LoopStats;
  readonly kafka?: KafkaStats;
  readonly redactions: Record<string, number>;
  readonly malformedTraceStates: number;
  readonly inconsistentTraceStates: number;
  readonly mendedSpans: number;
}
