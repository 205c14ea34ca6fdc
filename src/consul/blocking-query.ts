/** How long it is waited for a Consul that fails. */
export interface Backoff {
  /** Pause after the first failure; doubles up to the maximum. Each pause is a random part of it, at least half. */
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
}

/**
 * The index of the next blocking query (developer.hashicorp.com/consul/api-docs/features/blocking): one that went back
 * belongs to a Consul that was restored or restarted; 0 would never block.
 */
export function nextIndex(last: bigint, next: bigint): bigint {
  if (next < last) return 0n;
  return next < 1n ? 1n : next;
}

/** Milliseconds until the next try, after a failure with so many before it in a row; `random`: 0 to 1. */
export function pauseAfter(failures: number, { backoffMs, maxBackoffMs }: Backoff, random: number): number {
  return Math.min(maxBackoffMs, backoffMs * 2 ** Math.min(failures, 30)) * (0.5 + random / 2);
}
