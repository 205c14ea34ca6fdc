import type { Member } from './member.ts';

/**
 * A list of members and where it stands: members have lists in the order of their generations, and those of one
 * generation in the order of their epochs, which are equal where the names are. See cluster/lists.ts.
 */
export interface MemberList {
  readonly members: readonly Member[];
  readonly generation: number;
  readonly epoch: string;
}

/** Below 0, 0, above 0: as `a` comes before `b`, is it, or comes after it. */
export const compareLists = (a: Omit<MemberList, 'members'>, b: Omit<MemberList, 'members'>): number =>
  a.generation - b.generation || (a.epoch < b.epoch ? -1 : Number(a.epoch > b.epoch));

/** What a shard knows of the fleet; plain values, so that it can be sent to another thread. */
export interface FleetView {
  /** This member's name. */
  readonly self: string;
  /**
   * The lists of members that are remembered, oldest first; the last is in force, and from the one at `first` on they
   * count: traces may have begun under them that still wait.
   */
  readonly lists: readonly MemberList[];
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
export const sharersIn = ({ lists }: FleetView): number => Math.max(1, lists.at(-1)?.members.length ?? 1);
