import { Refusal, refusals } from '../errors.ts';
import type { Receipt } from '../model/intake.ts';
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

/** What is to be told of spans that were left out of a request which was taken; undefined where none were. */
export function leftOut(answer: Receipt | Refusal): Omit<Refused, 'tenant' | 'peer'> | undefined {
  if (answer instanceof Refusal || answer.rejectedSpans === 0) return undefined;
  return { reason: 'partial', message: answer.message, bytes: 0, spans: answer.rejectedSpans };
}
