/**
 * The header by which a gateway says its name to another that it asks: it is told what that one has of its own, and
 * nobody else is asked for it.
 */
export const askedBy = 'tailgate-asked-by';

/** A gateway of the fleet. */
export interface Member {
  /** Stays the same as long as it is the same gateway: what it owns hangs on its name and on nothing else. */
  readonly name: string;
  /** `host:port` at which members and agents reach it, an IPv6 host in brackets. */
  readonly address: string;
}
