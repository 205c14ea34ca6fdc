import type { BootConfig } from '../config/schema.ts';
import type { Explanation } from '../model/explanation.ts';
import type { ExportRequest } from '../model/export-request.ts';
import type { RulesDocument } from '../model/rules.ts';
import type { ShardStats } from '../model/shard-stats.ts';
import type { Endpoint } from '../receive/receiver.ts';

/** What a shard needs of the boot file; plain values, so that it can be sent to another thread. */
export type ShardConfig = Pick<
  BootConfig,
  'environment' | 'traceDebug' | 'receive' | 'buffer' | 'batch' | 'enrich' | 'redact'
>;

/** Rules as they travel: every thread compiles them itself, with the code that has found them good. */
export interface RulesRevision {
  readonly document: RulesDocument;
  readonly name: string;
}

export interface Addresses {
  readonly grpc?: Endpoint;
  readonly http?: Endpoint;
}

/** What the shards tell whoever runs them. */
export interface ShardEvents {
  /** Calls `reuse` when nobody will look at the request's body again; never where that is not sure. */
  emit(request: ExportRequest, reuse: () => void): void;
  /** A fault of ours while receiving. */
  fault(error: unknown): void;
}

/** All shards, the way from the receivers to the batches: one in this thread, or one each in threads. */
export interface Shards {
  readonly count: number;
  /** Listens. Throws UsageError where it cannot. */
  start(): Promise<Addresses>;
  swap(rules: RulesRevision): void;
  /** One entry a shard. */
  stats(): readonly ShardStats[] | Promise<readonly ShardStats[]>;
  explain(traceId: string): Explanation | undefined | Promise<Explanation | undefined>;
  /** Takes no new request; those under way are finished or cut at `deadlineMs` of the monotonic clock. */
  stopReceiving(deadlineMs: number): Promise<void>;
  /** Takes part of what waits to its end, at most a turn's worth and about `maxBytes` of export requests in all; true when there is more. */
  decide(maxBytes: number): boolean | Promise<boolean>;
  end(): void | Promise<void>;
  /** Milliseconds since the slowest shard last looked for what is due. */
  stalledMs(): number;
}
