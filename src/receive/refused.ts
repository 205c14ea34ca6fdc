import { type Refusal, refusals } from '../errors.ts';
import type { Ports, Refused } from './receiver.ts';

/** Counts a request that was refused, and tells it where no other try would mend it. */
export function refused(
  { stats, onRefused }: Pick<Ports, 'stats' | 'onRefused'>,
  { reason, message }: Pick<Refusal, 'reason' | 'message'>,
  { peer, bytes = 0, tenant = '' }: Partial<Pick<Refused, 'peer' | 'bytes' | 'tenant'>>,
): void {
  stats.refuse(reason, bytes);
  if (isTold(reason)) onRefused?.({ reason, message, bytes, spans: 0, tenant, peer });
}

/** A sender that timed out may try again, but will be as slow; `internal` is in the log as receive_error. */
const isTold = (reason: Refusal['reason']): boolean =>
  reason === 'timeout' || (!refusals[reason].retryable && reason !== 'internal');
