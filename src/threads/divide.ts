import { shareOf } from '../model/tenant.ts';
import type { ShardConfig } from './shards.ts';

/** Each shard's part: what one shard owns is divided, and the sum is what the operator set. */
export function amongShards(config: ShardConfig, shards: number): ShardConfig {
  const { fleet } = config;
  return {
    ...config,
    ...part(config, 1 / shards),
    ...(fleet && { fleet: { ...fleet, maxForwardBytes: Math.floor(fleet.maxForwardBytes / shards) } }),
  };
}

type Divided = Pick<ShardConfig, 'buffer' | 'window'>;

/** Of one shard's buffer and window, the part of the tenant at `index`. */
export function amongTenants({ buffer, window, tenants }: ShardConfig, index: number): Divided {
  return tenants === undefined ? { buffer, window } : part({ buffer, window }, shareOf(tenants, index));
}

function part({ buffer, window }: Divided, share: number): Divided {
  return {
    buffer: {
      ...buffer,
      maxBytes: Math.floor(buffer.maxBytes * share),
      rememberedDecisions: Math.ceil(buffer.rememberedDecisions * share),
    },
    window: { ...window, maxBytes: Math.floor(window.maxBytes * share) },
  };
}
