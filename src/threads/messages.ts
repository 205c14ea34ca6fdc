import type { Credentials } from '../access/credential.ts';
import type { SlabNotice } from '../buffer/lending.ts';
import type { Relayed } from '../forward/fleet-shard.ts';
import type { Way } from '../model/brought-back.ts';
import type { ExportRequest } from '../model/export-request.ts';
import type { FleetView } from '../model/fleet.ts';
import type { PodChanges } from '../model/pod.ts';
import type { RefusedSum } from '../model/refused.ts';
import type { OverloadStats } from '../model/stats.ts';
import type { Tenant } from '../model/tenant.ts';
import type { Endpoint } from '../receive/receiver.ts';
import type { ServerCredentials } from '../receive/server-credentials.ts';
import type { SharedMemory } from '../shard/neighbours.ts';
import type { GatherRequest } from '../simulate/gather.ts';
import type { RelayAnswer } from './relay-answer.ts';
import type { FleetLink, Protocol, RulesRevision, ShardConfig, ShardEvents } from './shards.ts';

/** What a shard's thread is started with. */
export interface ThreadData {
  readonly self: number;
  readonly config: ShardConfig;
  readonly rules: RulesRevision;
  /** By tenant. */
  readonly shared: readonly SharedMemory[];
  readonly inflight: SharedArrayBuffer;
  /** By tenant; none where there are no other gateways. */
  readonly repeats: readonly SharedArrayBuffer[];
  /** When each shard had its last turn: an Int32 each, the low 32 bits of the monotonic clock's milliseconds. */
  readonly turns: SharedArrayBuffer;
}

/** Questions, each with an answer. */
export type Question =
  | {
      readonly ask: 'start';
      readonly config: ShardConfig['receive'];
      /** Where other gateways come in. */
      readonly listen: Endpoint | undefined;
    }
  | { readonly ask: 'stats' }
  | {
      readonly ask: 'explain';
      readonly traceId: string;
      readonly tenant: number;
      readonly parts: readonly Uint8Array[];
    }
  | { readonly ask: 'pastTraces'; readonly traceIds: readonly string[]; readonly tenant: number }
  | { readonly ask: 'gather'; readonly asked: GatherRequest; readonly tenant: number }
  | { readonly ask: 'pastCandidates'; readonly query: string; readonly tenant: number }
  | {
      readonly ask: 'keep';
      readonly traceId: string;
      readonly tenant: number;
      readonly way: Way;
      readonly isSure: boolean;
    }
  | { readonly ask: 'bringBack'; readonly traceId: string; readonly tenant: number }
  | { readonly ask: 'notBrought'; readonly traceId: string; readonly tenant: number }
  | { readonly ask: 'flush' }
  | { readonly ask: 'finishReading' }
  | { readonly ask: 'relay'; readonly relayed: Relayed }
  /** The first of two steps, see FleetShard.prepare; the second is `renewFleet`. */
  | { readonly ask: 'prepareFleet'; readonly view: FleetView }
  | { readonly ask: 'stopReceiving'; readonly deadlineMs: number }
  | { readonly ask: 'decideWaiting'; readonly maxBytes: number };

export type ToThread =
  | { readonly type: 'question'; readonly id: number; readonly question: Question }
  /** Nobody waits for the answer to a question; it has one all the same, or a failure. */
  | { readonly type: 'abandon'; readonly id: number }
  | { readonly type: 'bringBack'; readonly traceId: string; readonly tenant: number }
  | { readonly type: 'renewFleet'; readonly view: FleetView }
  | { readonly type: 'renewLink'; readonly link: FleetLink }
  /** What came of what this shard had relayed. */
  | { readonly type: 'relayed'; readonly id: number; readonly answer: RelayAnswer }
  | { readonly type: 'swap'; readonly rules: RulesRevision }
  | { readonly type: 'renewSenders'; readonly port: Protocol; readonly credentials: Credentials }
  | { readonly type: 'renewTls'; readonly port: Protocol; readonly credentials: ServerCredentials }
  | { readonly type: 'knowPods'; readonly changes: PodChanges }
  | { readonly type: 'exportQueue'; readonly shares: readonly number[] }
  /** The answer to the question `delivered`. */
  | { readonly type: 'delivered'; readonly id: number; readonly isDelivered: boolean }
  | { readonly type: 'reuse'; readonly body: Uint8Array; readonly tenant: number }
  | { readonly type: 'slab'; readonly notice: SlabNotice; readonly tenant: number };

export type FromThread =
  | { readonly type: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly type: 'failure'; readonly id: number; readonly message: string; readonly usage: boolean }
  | { readonly type: 'emit'; readonly request: ExportRequest; readonly tenant: Tenant }
  /** To be passed on to shard `to`. */
  | { readonly type: 'slab'; readonly notice: SlabNotice; readonly tenant: number; readonly to: number }
  /** To all shards, this one too. */
  | { readonly type: 'bringBack'; readonly traceId: string; readonly tenant: number }
  | { readonly type: 'delivered'; readonly id: number }
  | { readonly type: 'kafka'; readonly told: Parameters<ShardEvents['kafka']> }
  /** To be passed on to shard `to`, which judges where a part of a request belongs. */
  | { readonly type: 'relay'; readonly id: number; readonly to: number; readonly relayed: Relayed }
  | { readonly type: 'heard'; readonly word: Uint8Array }
  | { readonly type: 'unreachable'; readonly name: string }
  | { readonly type: 'fault'; readonly message: string }
  | { readonly type: 'overload'; readonly stats: OverloadStats; readonly tenant: string }
  | { readonly type: 'conditionFault'; readonly told: Parameters<ShardEvents['conditionFault']> }
  | { readonly type: 'full'; readonly protocol: string }
  | { readonly type: 'refused'; readonly sum: RefusedSum }
  | { readonly type: 'lost'; readonly reason: string; readonly spans: number };
