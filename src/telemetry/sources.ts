import type { IncomingMessage } from 'node:http';
import type { KeepAnswer, KeepRequest } from '../model/brought-back.ts';
import type { Explanation } from '../model/explanation.ts';
import { askedBy } from '../model/member.ts';
import type { Restored } from '../model/restored.ts';
import type { GatewayIdentity, GatewayStats } from '../model/stats.ts';
import type { Tenant, Tenants } from '../model/tenant.ts';

/** The answer of /api/cluster. */
export interface ClusterStatus {
  readonly self: string;
  /** The same for all who have the same list in force. */
  readonly epoch: string;
  readonly members: readonly { readonly name: string; readonly address: string; readonly state: string }[];
  /** The part of all traces that this gateway owns, 0 to 1. */
  readonly owned: number;
}

/** What is asked may be answered by the fleet, but for what another gateway of it asks. */
export const askedOf = ({ fleet, ...own }: AdminSources, headers: IncomingMessage['headers']): AdminSources =>
  fleet === undefined || headers[askedBy] !== undefined ? own : { ...own, ...fleet };

/** An answer of the embedded store. */
export interface TempoAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/** Rules to be tried, as the text of a rules file, on what came in the last so many milliseconds, or on all there is. */
export interface SimulateRequest {
  /** Undefined = those in force; the answer has their text. */
  readonly rules: string | undefined;
  /** They are keys of Consul: they lie over the gateway's rules file. */
  readonly overFile: boolean;
  readonly lastMs: number | undefined;
}

export interface SimulateAnswer {
  readonly status: 200 | 400 | 429;
  readonly body: object;
}

/** What a gateway says of the traces that it has itself. */
export type OwnAnswers = Pick<AdminSources, 'explain' | 'keep' | 'simulate' | 'tempo'>;

/** What the admin server asks of the gateway, when somebody asks it. None of these may block or be slow. */
export interface AdminSources {
  /** Those that the boot file allows: questions about traces say whose. */
  readonly tenants?: Tenants;
  /** The same questions about traces, answered by the whole fleet; absent where this gateway is alone. */
  readonly fleet?: Required<OwnAnswers>;
  /** Who is in the fleet; absent where this gateway is alone. */
  readonly cluster?: () => ClusterStatus;
  readonly identity: GatewayIdentity;
  uptimeMs(): number;
  stats(): Promise<GatewayStats>;
  /** Why a trace was kept or dropped; `traceIdHex` is 32 lower-case hex digits. Undefined when it is not remembered. */
  explain(traceIdHex: string, tenant: Tenant, over: AbortSignal): Promise<Explanation | undefined>;
  /** What rules would keep of the window, beside today's; absent where there is no window. It ends when `over` is aborted. */
  readonly simulate?: (asked: SimulateRequest, tenant: Tenant, over: AbortSignal) => Promise<SimulateAnswer>;
  /** Brings dropped traces back; absent where there is no window. */
  readonly keep?: (asked: KeepRequest, tenant: Tenant, over: AbortSignal) => Promise<KeepAnswer>;
  /** Takes a request in protobuf out of an archive, past the rules; absent where there is no destination. */
  readonly restore?: (request: Uint8Array, tenant: Tenant) => Restored;
  /** Why no traffic should come here now, in one line; empty when it may. */
  notReady(): string;
  /** Why the process should be restarted, in one line; empty when it should not. */
  notLive(): string;
  /** Whether kept traces can be asked for here. */
  readonly hasStore?: boolean;
  /**
   * Tempo's read API over the embedded store and the window, where there is one of them. Undefined for a path that it does not have. `over` is
   * aborted when the asker has the answer, or is gone. It finds the traces of `tenant` alone.
   */
  readonly tempo?: (
    method: string,
    url: URL,
    accept: string,
    over: AbortSignal,
    tenant: Tenant,
  ) => Promise<TempoAnswer | undefined>;
}
