import type { Credentials } from '../access/credential.ts';
import type { BootConfig } from '../config/schema.ts';
import type { SharedNumbers } from '../decide/state.ts';
import type { Brought, KeepState, Way } from '../model/brought-back.ts';
import type { ExportWhen } from '../model/destinations.ts';
import type { Explanation } from '../model/explanation.ts';
import type { ExportRequest } from '../model/export-request.ts';
import type { FleetView } from '../model/fleet.ts';
import type { PastCandidates, PastTrace } from '../model/past-trace.ts';
import type { PodChanges } from '../model/pod.ts';
import type { RefusedSum } from '../model/refused.ts';
import type { RulesDocument } from '../model/rules.ts';
import type { ShardStats } from '../model/shard-stats.ts';
import type { FaultNews, OverloadStats } from '../model/stats.ts';
import type { Tenant } from '../model/tenant.ts';
import type { Endpoint } from '../receive/receiver.ts';
import type { ServerCredentials } from '../receive/server-credentials.ts';
import type { GatheredTraces, GatherRequest } from '../simulate/gather.ts';
import type { TlsTexts } from '../tls-client/files.ts';

/** What a shard needs of the boot file; plain values, so that it can be sent to another thread. */
export type ShardConfig = Pick<
  BootConfig,
  'environment' | 'traceDebug' | 'receive' | 'tenants' | 'buffer' | 'window' | 'batch' | 'enrich' | 'redact' | 'kafka'
> & {
  /** `export[].when`, exporter by exporter; absent: nobody has one. */
  readonly destinations?: readonly (ExportWhen | undefined)[];
  /** Who may send; absent: whoever reaches the port. */
  readonly senders?: OfProtocols<Credentials>;
  /** What ports with TLS are opened with; absent: it is plain. */
  readonly tls?: OfProtocols<ServerCredentials>;
  /** Where there are other gateways. */
  readonly fleet?: FleetShardConfig;
};

/** A shard's part of a fleet. */
export interface FleetShardConfig {
  /** Where members and agents come in; absent: this is an agent, which decides nothing. */
  readonly listen?: Endpoint;
  /** Names of certificates that may come in there; absent: any that the port takes. */
  readonly clientSubjects?: readonly string[];
  /** How long a trace waits for its decision. */
  readonly waitMs: number;
  /** Of what is on its way to other gateways; this shard's part. */
  readonly maxForwardBytes: number;
  /** How long it is tried to bring spans to their owner. */
  readonly forwardTimeoutMs: number;
  readonly link: FleetLink;
  readonly view: FleetView;
}

/** What other gateways are reached with. */
export interface FleetLink {
  /** Sent with each call, such as `authorization`. */
  readonly headers: Readonly<Record<string, string>>;
  /** Absent: they are reached without TLS. */
  readonly tls?: { readonly texts: TlsTexts; readonly serverName?: string };
}

/** A port at which spans come in. */
export type Protocol = 'grpc' | 'http' | 'cluster';

export type OfProtocols<T> = Readonly<Partial<Record<Protocol, T>>>;

/** Rules as they travel: every thread compiles them itself, with the code that has found them good. */
export interface RulesRevision {
  readonly document: RulesDocument;
  readonly name: string;
  /** What policies of several shards remember together, by tenant; whoever starts the shards adds it. */
  readonly numbers?: readonly SharedNumbers[];
}

export type Addresses = OfProtocols<Endpoint>;

/** What the shards tell whoever runs them. */
export interface ShardEvents {
  /** Calls `reuse` when nobody will look at the request's body again; never where that is not sure. */
  emit(request: ExportRequest, reuse: () => void, tenant: Tenant): void;
  /** A fault of ours while receiving. */
  fault(error: unknown): void;
  /**
   * Spans of kept traces could not be written, by a defect of ours: how many since the last time, and the last error of
   * that kind.
   */
  lost(reason: string, spans: number): void;
  /** A listener has as many connections as it may have; told now and then. */
  full(protocol: string): void;
  /**
   * Connections came to nothing, requests were refused for good, or spans of them rejected; told once a second at most
   * for each reason.
   */
  refused(sum: RefusedSum): void;
  /**
   * Resolves when all that was decided by now, in any shard, has left; false where some of what left since this shard
   * asked last is to be read again.
   */
  delivered(shard: number): Promise<boolean>;
  /** Something is wrong with Kafka, or with a record of its topic; told now and then. */
  kafka(level: 'warn' | 'error', fields: Readonly<Record<string, unknown>>, message: string): void;
  /** A tenant's part of a shard stands on another rung of the ladder than before; its name is empty where there is one. */
  overload(shard: number, stats: OverloadStats, tenant: string): void;
  /** A condition of the rules had no value of a span; each told by each shard once a minute at most. */
  conditionFault(news: FaultNews, tenant: string): void;
  /** A member of the fleet said a word of itself, see cluster/word.ts. */
  heard(word: Uint8Array): void;
  /** A member of the fleet could not be reached from a shard. */
  unreachable(name: string): void;
  /** The thread of a shard ended, and with it what waited there. */
  died(shard: number, reason: unknown): void;
}

/** All shards, the way from the receivers to the batches: one in this thread, or one each in threads. */
export interface Shards {
  readonly count: number;
  /** Listens. Throws UsageError where it cannot. */
  start(): Promise<Addresses>;
  swap(rules: RulesRevision): void;
  /** Others may send, from the next request on. */
  renewSenders(port: Protocol, credentials: Credentials): void;
  /** Pods that are known from now on, and that are not. */
  knowPods(changes: PodChanges): void;
  /** Other certificates for connections that come from now on. */
  renewTls(port: Protocol, credentials: ServerCredentials): void;
  /** Who the members of the fleet are, from now on: all shards go by it from one moment on, see FleetShard.prepare. */
  renewFleet(view: FleetView): void | Promise<void>;
  /** How other gateways are reached from now on. */
  renewLink(link: FleetLink): void;
  /** How full the queue is of the exporter that is furthest behind, 0 to 1, for each tenant: told now and then. */
  exportQueue(shares: readonly number[]): void;
  /** One entry a shard, in the order of their numbers. */
  stats(): readonly ShardStats[] | Promise<readonly ShardStats[]>;
  /** `tenant`: its index. Throws Unavailable where the trace's shard does not answer. */
  explain(
    traceId: string,
    tenant: number,
    parts: readonly Uint8Array[],
  ): Explanation | undefined | Promise<Explanation | undefined>;
  /**
   * What each shard still has of some traces, kept or dropped, shard by shard; ids of 32 hex digits. Rejects soon when
   * `over` is aborted.
   */
  pastTraces(
    traceIds: readonly string[],
    tenant: number,
    over: AbortSignal,
  ): Promise<readonly (readonly PastTrace[])[]>;
  /** What each shard has of the window's traces, for rules to be tried on. Rejects likewise. */
  gather(asked: GatherRequest, tenant: number, over: AbortSignal): Promise<readonly GatheredTraces[]>;
  /** The traces that each shard's part of a search may find; `query`: that of /api/search. Rejects likewise. */
  pastCandidates(query: string, tenant: number, over: AbortSignal): Promise<readonly PastCandidates[]>;
  /** A trace that was dropped is to be kept, see BroughtBack; throws Unavailable where its shard does not answer. */
  keep(traceId: string, tenant: number, way: Way, isSure: boolean): KeepState | Promise<KeepState>;
  /** What the shards have of a trace that is brought back in their windows, and sent to it. */
  bringBack(traceId: string, tenant: number): Promise<Brought>;
  /** Nothing came of that: the trace is dropped as it was, unless some span of it has left meanwhile. */
  notBrought(traceId: string, tenant: number): void | Promise<void>;
  /** Hands the open batches to the exporters: what was decided before has been emitted when this resolves. */
  flush(): void | Promise<void>;
  /** What was read from a topic and is over is committed, and its group left; nothing is read any more. */
  finishReading(): void | Promise<void>;
  /** Takes no new request; those under way are finished or cut at `deadlineMs` of the monotonic clock. */
  stopReceiving(deadlineMs: number): Promise<void>;
  /**
   * Takes part of what waits to its end, at most a turn's worth and about `maxBytes` of export requests in all; true
   * when there is more.
   */
  decideWaiting(maxBytes: number): boolean | Promise<boolean>;
  end(): void | Promise<void>;
  /** The shard that looked for what is due the longest ago, and how long that was. */
  slowest(): { readonly shard: number; readonly stalledMs: number };
}
