import type { Way } from './brought-back.ts';
import type { ExporterStats } from './export-request.ts';
import type { MemoryAccount } from './memory.ts';
import type { Outcome, Source, Trigger } from './outcome.ts';

/**
 * A histogram kept as plain numbers: `counts[i]` values were ≤ `bounds[i]`, the last count is of those above all
 * bounds.
 */
export interface Histogram {
  readonly bounds: readonly number[];
  readonly counts: number[];
  sum: number;
}

/** Who is in the fleet, as this gateway sees it. */
export interface FleetStats {
  /** How many members are in each state. */
  readonly members: Readonly<Record<string, number>>;
  /** The part of all traces that this gateway owns, 0 to 1. */
  readonly owned: number;
}

export type GcKind = 'minor' | 'major' | 'incremental' | 'weakcb';

/** What a thread's event loop does. Seconds; counters run from the start of the thread. */
export interface LoopStats {
  readonly activeSeconds: number;
  readonly idleSeconds: number;
  /** How much later than due timers ran in the last 15 to 30 seconds, or since the last read where that is longer. */
  readonly delayP99Seconds: number;
  readonly delayMaxSeconds: number;
  /** Pauses for garbage collection, by kind. */
  readonly gc: Readonly<Record<GcKind, { count: number; seconds: number }>>;
}

/** What is sent on to the other gateways of a fleet, and what became of it, since the start. */
export interface ForwardStats {
  /**
   * By member: spans that it said it has, with their bytes; spans that it refused or that could not be sent; and of
   * the first, those that were lost at most with it, when it went without a word.
   */
  readonly members: Record<string, { spans: number; bytes: number; failedSpans: number; atRiskSpans: number }>;
  /** Spans that came in here though they are another's, since it could not take them. */
  adoptedSpans: number;
  /** Spans that may have come twice: a connection broke under them, and they were sent again. */
  uncertainSpans: number;
  /** Of what is on its way. */
  heldBytes: number;
}

/** Where a shard stands on the ladder of overload: 0 is the ground. */
export interface OverloadStats {
  readonly rung: number;
  readonly name: string;
  /** Empty on the ground. */
  readonly cause: string;
  /** Traces without an error are kept at most by one in so many. */
  readonly keepsOneIn: number;
}

/** What waits no more and is there still, kept or dropped. */
interface WindowStats {
  readonly bytes: number;
  /** 0 = there is no window. */
  readonly limitBytes: number;
  readonly oldestSeconds: number;
  readonly spans: number;
  /** Since the start: of segments that came when the compressor was behind, or that there was no room for. */
  readonly missedSpans: number;
  /** Traces that were dropped and brought back, by how. */
  readonly keptTraces: Readonly<Record<Way, number>>;
}

/** What a gateway writes to a Kafka topic, and reads from it; absent where it does not. */
export interface KafkaStats {
  readonly written?: {
    /** Records that wait for brokers, and what is spent on them. */
    readonly heldBytes: number;
    readonly writtenRecords: number;
    readonly writtenBytes: number;
    readonly failedRecords: number;
    /** Why the last write of a shard failed; empty where all went well. */
    readonly lastError: string;
  };
  readonly read?: {
    readonly messages: number;
    readonly bytes: number;
    readonly commits: number;
    readonly failedCommits: number;
    /** Records that were set aside. */
    readonly poison: number;
    readonly rebalances: number;
    /** How often it went back to what is committed, for what could not be delivered. */
    readonly rewinds: number;
    /** How often nothing came though there was more, and it joined the group anew. */
    readonly standstills: number;
    readonly connected: boolean;
    readonly paused: boolean;
    /** Of each partition that is read here: messages that are not committed. */
    readonly lag: Readonly<Record<number, number>>;
    /** What is wrong now; empty where nothing is. */
    readonly lastError: string;
  };
}

/** What is known about the rules in force and about their source. Times are Unix milliseconds, 0 = never. */
export interface RulesStatus {
  readonly revision: string;
  /** First 12 hex digits of the SHA-256 of the rules as they were compiled. */
  readonly hash: string;
  /** `file:…`, `consul:…`, `last-good:…` or `built-in`. */
  readonly source: string;
  /** Consul's ModifyIndex of the revision; 0 for a file. */
  readonly modifyIndex: number;
  readonly loadedAt: number;
  readonly policies: readonly string[];
  readonly debug: boolean;
  readonly lastRefusal: { readonly at: number; readonly error: string } | null;
  readonly lastLoadSucceeded: boolean;
  readonly loads: { readonly accepted: number; readonly refused: number };
  /** Since the source last answered, whatever it said; since the start when it never has. */
  readonly sourceAgeSeconds: number;
  /** Why the source does not answer now; empty when it does. */
  readonly sourceError: string;
  /** Times that a source could not be reached or read. */
  readonly sourceFailures?: number;
  /** The source that leads: Consul's folder where there is one, `consul:…`, else the file, `file:…`. */
  readonly follows?: string;
  /** Consul's index up to which its folder was read, whether or not that changed anything; 0 without Consul. */
  readonly sourceIndex?: number;
  /** Why the source's last word was refused; empty where it was not. */
  readonly sourceRefusal?: string;
  /** Who wrote the revision in force, where its history knows. */
  readonly written?: { readonly by: string; readonly at: string; readonly why: string } | undefined;
}

/** What one tenant's pipelines count, in all shards: the like-named parts of the whole. */
export interface TenantStats
  extends Pick<
    GatewayStats,
    | 'received'
    | 'outcomes'
    | 'triggers'
    | 'waiting'
    | 'buffer'
    | 'window'
    | 'remembered'
    | 'overload'
    | 'shadow'
    | 'faults'
  > {
  readonly name: string;
}

/** How files stand that are read while the gateway runs. */
export interface FilesStats {
  /** The block of the boot file that names them, such as `receive.tls`. */
  readonly files: string;
  /** For how long what is on disk has not counted; 0 = it does. */
  readonly failingSeconds: number;
  readonly loads: { readonly accepted: number; readonly refused: number };
  /** Of a certificate in force, Unix milliseconds. */
  readonly expiresAt?: number;
}

/** Of enrich.kubernetes. */
export interface KubernetesStats {
  /** That are there now. */
  readonly pods: number;
  readonly failures: number;
  /** Since the API server last said something. */
  readonly ageSeconds: number;
}

/** Spans and traces that left in one way, by the policy that decided. */
export interface OutcomeCount {
  readonly outcome: Outcome;
  readonly policy: string;
  readonly spans: number;
  readonly traces: number;
  /** Of those that were kept, the newest that is known, and when that was, in monotonic ms. */
  readonly last?: { readonly traceId: string; readonly at: number };
}

/** How often a policy voted so that is judged and decides nothing. */
export interface ShadowCount {
  readonly policy: string;
  readonly vote: 'keep' | 'drop' | 'abstain';
  readonly traces: number;
}

/** How often conditions of a policy were asked of spans for the sake of this count, and had no value; a sample. */
export interface FaultCount {
  readonly policy: string;
  readonly asked: number;
  readonly faults: number;
}

/** A condition of a policy had no value of some span, and why. */
export interface FaultNews {
  readonly policy: string;
  readonly condition: string;
  readonly why: string;
}

/** Every number the gateway keeps about itself, gathered when somebody asks (a scrape, /api/status). */
export interface GatewayStats {
  readonly received: Readonly<Record<Source, { spans: number; bytes: number; requests: number }>>;
  /** By reason, see errors.ts. */
  readonly refused: Readonly<Record<string, { requests: number; bytes: number }>>;
  /** With credentials: by port, and by the name of the token or user. */
  readonly letIn: Readonly<Record<string, Readonly<Record<string, { readonly requests: number }>>>>;
  /** Of the admin port, by reason. */
  readonly adminRefused: Readonly<Record<string, number>>;
  readonly outcomes: readonly OutcomeCount[];
  readonly triggers: Readonly<Record<Trigger, number>>;
  readonly waiting: { readonly spans: number; readonly traces: number };
  readonly buffer: { readonly bytes: number; readonly limitBytes: number; readonly oldestSeconds: number };
  readonly window: WindowStats;
  readonly inflightBytes: number;
  /** Where there are other gateways. */
  readonly fleet?: FleetStats;
  readonly forward?: ForwardStats;
  readonly memory: MemoryAccount;
  /** Open, and since the start sent away while idle or refused for want of room, by protocol. */
  readonly connections: Readonly<
    Record<'grpc' | 'http' | 'cluster', { open: number; sentAway: number; refused: number }>
  >;
  /** Memory for requests that have not come whole: what they hold of it, and what waits for the next ones. */
  readonly arriving: { readonly heldBytes: number; readonly pooledBytes: number };
  /** By shard; of several tenants, that of the one which is pressed hardest. */
  readonly overload: readonly OverloadStats[];
  /** Where the boot file allows tenants. */
  readonly tenants?: readonly TenantStats[];
  /** Where the boot file names a topic. */
  readonly kafka?: KafkaStats;
  readonly lateness: Histogram;
  /** Seconds for which each turn of deciding held its event loop. */
  readonly turns: Histogram;
  /** Shards that did not answer in time: their part of these numbers is what they said last. */
  readonly silentShards?: readonly number[];
  /** By thread, where shards have threads of their own. */
  readonly loops: readonly { readonly thread: string; readonly loop: LoopStats }[];
  /** Decisions remembered for late spans and explain. */
  readonly remembered: { readonly decisions: number; readonly limit: number; readonly evicted: number };
  readonly redactions: Readonly<Record<string, number>>;
  readonly malformedTraceStates: number;
  readonly inconsistentTraceStates: number;
  readonly mendedSpans: number;
  readonly shadow: readonly ShadowCount[];
  readonly faults: readonly FaultCount[];
  /** Kept spans in batches that are still open: in the books, every exporter still owes them. */
  readonly batching?: { readonly spans: number; readonly bytes: number };
  readonly exporters: readonly { readonly name: string; readonly stats: ExporterStats }[];
  readonly rules: RulesStatus;
  readonly files?: readonly FilesStats[];
  /** Absent: it is not asked for pods. */
  readonly kubernetes?: KubernetesStats;
}

/** The first part of /api/status that is not numbers. */
export interface GatewayIdentity {
  readonly version: string;
  readonly environment: string;
  readonly shards: number;
  /** Of questions about a tenant's traces; absent where there are none. */
  readonly tenantHeader?: string;
  /** Unix milliseconds. */
  readonly startedAt: number;
}
