import type { RefusalReason } from '../errors.ts';
import type { Ports } from './receiver.ts';

/** Counts connections that came to nothing, and tells why. */
export function turnedAway({ stats, onTurnedAway }: Pick<Ports, 'stats' | 'onTurnedAway'>) {
  return (reason: RefusalReason, why: string, address: string): void => {
    stats.refuse(reason, 0);
    onTurnedAway?.(reason, why, address);
  };
}
