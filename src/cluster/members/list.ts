import type { Member } from '../../model/member.ts';

/** Whoever tells who the members are. */
export interface MembersWatch {
  /** Ends it; what it holds elsewhere, such as an entry in a registry, is gone when this is done. */
  stop(): Promise<void>;
}

/**
 * Called with the whole list each time it has changed, in order. The first call may come within `watchMembers` or any
 * time later.
 */
export type OnMembers = (members: readonly Member[]) => void;

/** How it goes with whoever is asked; the list that was told last stays in force while that fails. */
export interface TellOfMembers {
  answered(): void;
  failed(why: Error): void;
}

/** Sorted by name in code units, each name once: of several the one with the least address, so that all agree on it. */
export function inOrder(members: readonly Member[]): readonly Member[] {
  const sorted = members.toSorted((a, b) => compare(a.name, b.name) || compare(a.address, b.address));
  return sorted.filter(({ name }, i) => name !== sorted[i - 1]?.name);
}

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

/** Two lists in order that say the same. */
export const isSame = (a: readonly Member[], b: readonly Member[]): boolean =>
  a.length === b.length && a.every(({ name, address }, i) => name === b[i].name && address === b[i].address);
