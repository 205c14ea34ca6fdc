import type { Member } from './member.ts';

/** What a shard knows of the fleet; plain values, so that it can be sent to another thread. */
export interface FleetView {
  /** This member's name. */
  readonly self: string;
  /**
   * The lists of members that are remembered, oldest first; the last is in force, and from the one at `first` on they
   * count: traces may have begun under them that still wait.
   */
  readonly lists: readonly (readonly Member[])[];
  readonly first: number;
  /** Names of members of older lists that cannot be reached. */
  readonly gone: readonly string[];
  /** Those among them that went without a word, and with what waited there. */
  readonly crashed: readonly string[];
  /** Those that did not answer when they were asked last, gone or not: nothing is known of them that shards do not know. */
  readonly silent: readonly string[];
  /** What members are told who ask, see cluster/word.ts. */
  readonly word: Uint8Array;
}

/** How many gateways share what is the fleet's: those that take new traces. */
export const sharersIn = ({ lists }: FleetView): number => Math.max(1, lists.at(-1)?.length ?? 1);
