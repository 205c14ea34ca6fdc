import type { PolicyState } from '../model/predicates.ts';

/** What the policies of one shard remember, for as long as rules that ask for it are in force. */
export class LocalState implements PolicyState {
  readonly shards = 1;
  #states = new Map<string, unknown>();
  /** What the rules that are being compiled have asked for so far. */
  #asked = new Map<string, unknown>();

  of<T>(identity: string, open: () => T): T {
    const known = this.#asked.get(identity) ?? this.#states.get(identity) ?? open();
    this.#asked.set(identity, known);
    return known as T;
  }

  shared(identity: string, words: number): Int32Array {
    return this.of(`shared ${identity}`, () => new Int32Array(words));
  }

  /** The rules compiled last are in force: what they did not ask for is forgotten. */
  keep(): void {
    this.#states = this.#asked;
    this.#asked = new Map();
  }
}

/** Where rules are compiled only to see whether they can be. */
export const noState = (): PolicyState => new LocalState();
