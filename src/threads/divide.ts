import { shareOf } from '../model/tenant.ts';
import type { ShardConfig } from './shards.ts';

/** Each shard's part: what one shard owns is divided, and the sum is what the operator set. */
export function amongShards(config: ShardConfig, shards: number): ShardConfig {
  return { ...config, buffer: part(config.buffer, 1 / shards) };
}

/** Of one shard's buffer, the part of the tenant at `index`. */
export function amongTenants({ buffer, tenants }: ShardConfig, index: number): ShardConfig['buffer'] {
  return tenants === undefined ? buffer : part(buffer, shareOf(tenants, index));
}

function part(buffer: ShardConfig['buffer'], share: number): ShardConfig['buffer'] {
  return {
    ...buffer,
    maxBytes: Math.floor(buffer.maxBytes * share),
    rememberedDecisions: Math.ceil(buffer.rememberedDecisions * share),
  };
}
