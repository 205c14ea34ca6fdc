/** A gateway of the fleet. */
export interface Member {
  /** Stays the same as long as it is the same gateway: what it owns hangs on its name and on nothing else. */
  readonly name: string;
  /** `host:port` at which members and agents reach it, an IPv6 host in brackets. */
  readonly address: string;
}
