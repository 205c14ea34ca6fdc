import type { RefusalReason } from '../errors.ts';

/** `partial`: spans that were rejected, of requests that were taken otherwise. */
export type RefusedReason = RefusalReason | 'partial';

/** What senders were refused for one reason since that was told last, with one example. */
export interface RefusedSum {
  readonly reason: RefusedReason;
  /** Of a connection that came to nothing no request came. */
  readonly what: 'request' | 'connection';
  /** Or connections. */
  requests: number;
  /** Of requests that were refused as a whole, as far as they were known. */
  bytes: number;
  /** Of the others; how many a request had that was refused as a whole, nobody knows. */
  spans: number;
  /** Whose they were, the first few; empty where there is one tenant, or none was found. */
  readonly tenants: Set<string>;
  example: RefusedExample;
}

export interface RefusedExample {
  /** `kafka`: they were read from a topic. */
  readonly port: 'grpc' | 'http' | 'cluster' | 'kafka';
  /** Empty where the connection was gone, or there was none. */
  readonly address: string;
  /** Bounded, and without secrets that can be told by their looks. */
  readonly message: string;
}

/** Enough to know whom to ask. */
const maxTenants = 5;

/** Adds a tenant to those of a line, as long as they are few. */
export function nameTenant({ tenants }: RefusedSum, tenant: string): void {
  if (tenant !== '' && tenants.size < maxTenants) tenants.add(tenant);
}
