import type { RequestScan } from '../decode/scan.ts';
import type { Tenant } from '../model/tenant.ts';
import type { Pipeline } from '../pipeline.ts';
import type { FleetShard } from './fleet-shard.ts';
import type { Repeats } from './repeats.ts';

/** What the intakes of one tenant in one shard have in common. */
export interface FleetTenant {
  readonly fleet: FleetShard;
  readonly tenant: Tenant;
  readonly pipeline: Pipeline;
  /** With the pipeline's limits, and a table of its own: what is cut is not what the pipeline scans. */
  readonly scan: RequestScan;
  /** Spans that need not be taken when their request is repeated. */
  readonly repeats: Repeats;
  /** Of an agent: what resources become, as nobody behind it knows what it knows. */
  readonly added?: ((resource: Uint8Array) => Uint8Array) | undefined;
}
