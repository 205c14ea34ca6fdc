import type { Content } from './content.ts';
import type { Hold } from './hold.ts';

/** Where archives are: a folder or a bucket. Names are made here, of hex digits and dots, and lead nowhere else. */
export interface ArchivePlace {
  /** As it is printed. */
  readonly name: string;
  /** Where something of that name is, as it is printed, and as `trace restore` takes it. */
  address(name: string): string;
  /**
   * Puts it there whole, or not at all, and durably. Nothing is ever overwritten. Throws CommandError for what goes
   * wrong.
   */
  put(name: string, content: Content, labels: Labels): Promise<Put>;
  /** Undefined where nothing has the name. Throws CommandError, and where it is larger. */
  read(name: string, maxBytes: number): Promise<Uint8Array | undefined>;
  /** Names of all that is there and begins so, in no order. */
  list(prefix: string): AsyncIterable<string>;
}

/**
 * `there`: the very same is there already; `other`: something else has its name; `unseen`: it is there, and a store that
 * was asked to lock it does not say whether it did.
 */
export type Put = 'written' | 'there' | 'other' | 'unseen';

/** What a store may know of what it keeps. */
export interface Labels {
  readonly hold: Hold | undefined;
  readonly by: string;
  readonly why: string;
}
