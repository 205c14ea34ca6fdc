import type { BootConfig } from '../config/schema.ts';
import { UsageError } from '../errors.ts';
import { shareOf } from '../model/tenant.ts';

/**
 * How many shards: as many as the operator says, or one a core the process may use. Each shard's part of the buffer, and
 * each tenant's part of that, must hold the largest request, so a small buffer means fewer.
 */
export function shardsFor(
  { shards, buffer, receive, tenants }: Pick<BootConfig, 'shards' | 'buffer' | 'receive' | 'tenants'>,
  cores: number,
): number {
  const smallest = Math.min(...(tenants?.each.map((_, i) => shareOf(tenants, i)) ?? [1]));
  const most = Math.max(1, Math.floor((buffer.maxBytes * smallest) / receive.maxRequestBytes));
  if (buffer.compressAfterMs > 0) {
    if (shards === 'auto' || shards === 1) return 1;
    throw new UsageError('buffer.compress_after: works with one shard; set shards: 1, or compress_after: 0s');
  }
  if (shards === 'auto') return Math.min(cores, most);
  if (shards <= most) return shards;
  throw new UsageError(
    `shards: ${shards} would divide buffer.max_bytes (${buffer.maxBytes}) into parts that do not hold receive.max_request_bytes ` +
      `(${receive.maxRequestBytes}): expected at most ${most}, or a larger buffer`,
  );
}
