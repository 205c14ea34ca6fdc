import type { KeepAnswer, KeepRequest } from '../model/brought-back.ts';
import type { Explanation } from '../model/explanation.ts';
import type { GatewayIdentity, GatewayStats } from '../model/stats.ts';
import type { Tenant, Tenants } from '../model/tenant.ts';

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

/** What the admin server asks of the gateway, when somebody asks it. None of these may block or be slow. */
export interface AdminSources {
  /** Those that the boot file allows: questions about traces say whose. */
  readonly tenants?: Tenants;
  readonly identity: GatewayIdentity;
  uptimeMs(): number;
  stats(): Promise<GatewayStats>;
  /** Why a trace was kept or dropped; `traceIdHex` is 32 lower-case hex digits. Undefined when it is not remembered. */
  explain(traceIdHex: string, tenant: Tenant, over: AbortSignal): Promise<Explanation | undefined>;
  /** What rules would keep of the window, beside today's; absent where there is no window. It ends when `over` is aborted. */
  readonly simulate?: (asked: SimulateRequest, tenant: Tenant, over: AbortSignal) => Promise<SimulateAnswer>;
  /** Brings dropped traces back; absent where there is no window. */
  readonly keep?: (asked: KeepRequest, tenant: Tenant, over: AbortSignal) => Promise<KeepAnswer>;
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
