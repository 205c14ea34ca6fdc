import type { KeyOptions, PolicyState, TraceKeys } from '../model/predicates.ts';
import { TraceKey } from './rates/trace-key.ts';

/** Numbers that all shards see, by the identity of what they belong to. */
export type SharedNumbers = ReadonlyMap<string, SharedArrayBuffer>;

/** The numbers that all shards hash keys of traces under. */
const seedIdentity = 'seed';

/** The number of gateways that share what is the fleet's. */
const membersIdentity = 'members';

/** What the numbers of one tenant's policies may take together. */
export const maxPolicyBytes = 64 << 20;

/**
 * What policies remember from one revision of the rules to the next, for one tenant. A revision asks by identity for what
 * it needs; what the one before had is the same again, and what nobody asks for any more is let go. Shards of one
 * gateway share their numbers: whoever starts them allocates, and sends what there is with each revision.
 */
export class PolicyMemory {
  readonly #shards: number;
  readonly #seed: number;
  #members = 1;
  #numbers: ReadonlyMap<string, Int32Array<SharedArrayBuffer>> = new Map();
  #objects: ReadonlyMap<string, unknown> = new Map();

  /** `seed`, not 0, differs between processes; that of whoever starts the shards is the seed of all of them. */
  constructor(shards: number, seed: number) {
    this.#shards = shards;
    this.#seed = seed;
  }

  /** So many gateways share targets of the fleet from now on. */
  set members(count: number) {
    this.#members = count;
    const words = this.#numbers.get(membersIdentity);
    if (words !== undefined) Atomics.store(words, 0, count);
  }

  /** All numbers, to be sent to shards. */
  get numbers(): SharedNumbers {
    return new Map([...this.#numbers].map(([identity, { buffer }]) => [identity, buffer]));
  }

  /**
   * Runs `open`, in which a revision's policies ask for what they remember; where it throws, all stays as it was.
   * `given`: the numbers that the other shards have; without them there are none but this one's.
   */
  renew<T>(open: (state: PolicyState) => T, given?: SharedNumbers): T {
    const numbers = new Map<string, Int32Array<SharedArrayBuffer>>();
    const objects = new Map<string, unknown>();
    const [seed] = this.#seedOfAll(numbers, given);
    const members = this.#known(membersIdentity, 1, given);
    if (given === undefined) Atomics.store(members, 0, this.#members);
    numbers.set(membersIdentity, members);
    const result = open({
      shards: this.#shards,
      members,
      of: <S>(identity: string, make: () => S): S => {
        if (!objects.has(identity)) objects.set(identity, this.#objects.get(identity) ?? make());
        return objects.get(identity) as S;
      },
      shared: (identity, words) => {
        const known = numbers.get(identity) ?? this.#known(identity, words, given);
        numbers.set(identity, known);
        return known;
      },
      keys: (options) => new TraceKey(options, seed),
    });
    this.#numbers = numbers;
    this.#objects = objects;
    return result;
  }

  #seedOfAll(numbers: Map<string, Int32Array<SharedArrayBuffer>>, given: SharedNumbers | undefined): Int32Array {
    const seed = this.#known(seedIdentity, 1, given);
    if (seed[0] === 0) seed[0] = this.#seed;
    numbers.set(seedIdentity, seed);
    return seed;
  }

  #known(identity: string, words: number, given: SharedNumbers | undefined): Int32Array<SharedArrayBuffer> {
    const memory = given?.get(identity);
    if (memory !== undefined) return new Int32Array(memory);
    if (given !== undefined) throw new Error(`no shared memory for a policy: ${identity}`);
    const before = this.#numbers.get(identity);
    return before?.length === words ? before : new Int32Array(new SharedArrayBuffer(words * 4));
  }
}

/** Where nothing is to be remembered from one time that rules are compiled to the next. */
export function noState(): PolicyState {
  const known = new Map<string, unknown>();
  const of = <T>(identity: string, open: () => T): T => {
    if (!known.has(identity)) known.set(identity, open());
    return known.get(identity) as T;
  };
  return {
    shards: 1,
    members: new Int32Array(1),
    of,
    shared: (identity, words) => of(`shared ${identity}`, () => new Int32Array(words)),
    keys: (options) => new TraceKey(options, 0),
  };
}

/** A state that counts the bytes that are asked of it; where they are too many, who asks for more gets none. */
export class MeasuredState implements PolicyState {
  readonly shards: number;
  readonly members: Int32Array;
  readonly #state: PolicyState;
  readonly #bytes = new Map<string, number>();

  constructor(state: PolicyState) {
    this.#state = state;
    this.shards = state.shards;
    this.members = state.members;
  }

  bytes = 0;

  of<T>(identity: string, open: () => T): T {
    return this.#state.of(identity, open);
  }

  shared(identity: string, words: number): Int32Array {
    this.bytes += words * 4 - (this.#bytes.get(identity) ?? 0);
    this.#bytes.set(identity, words * 4);
    if (this.bytes > maxPolicyBytes) return new Int32Array(0);
    return this.#state.shared(identity, words);
  }

  keys(options: KeyOptions): TraceKeys {
    return this.#state.keys(options);
  }
}

/** The same state, where nothing that is asked has the identity of what is asked elsewhere. */
export const apart = (state: PolicyState, place: string): PolicyState => ({
  shards: state.shards,
  members: state.members,
  of: (identity, open) => state.of(`${place} ${identity}`, open),
  shared: (identity, words) => state.shared(`${place} ${identity}`, words),
  keys: (options) => state.keys(options),
});
