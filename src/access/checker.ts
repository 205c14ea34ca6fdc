import { basicPair, bearerToken } from './authorization.ts';
import type { Credential, Credentials, PasswordEntry } from './credential.ts';
import { digestOf } from './digest.ts';
import { isSlow, matches } from './hashes.ts';
import { networkOf } from './network.ts';
import type { PasswordQueue } from './password-queue.ts';

/** `missing`: there was no header; `wrong`: none that is known; `busy`: a password is still to be compared. */
export type Found = Credential | 'missing' | 'wrong' | 'busy';

/** Whoever asks; the address is looked up when it is needed. */
interface Asker {
  readonly address: string;
}

/** Longer than any that is known here, with its scheme. */
const mostChars = 8 * 1024;
/** Headers whose password was found wrong, so that whoever sends one again and again is told at once. */
const mostWrong = 1024;

/**
 * Tells by an Authorization header whose request it is. A token costs a digest. So does a password that was compared
 * once; before, one with a slow hash waits for its turn on a thread of its own, and whoever sent it comes again.
 */
export class Checker {
  readonly #credentials: Credentials;
  readonly #tokens: ReadonlyMap<string, Credential>;
  readonly #users: ReadonlyMap<string, PasswordEntry>;
  /** Compared in the place of that of a user whom nobody knows, so that the time does not say so. */
  readonly #decoy: string;
  readonly #queue: PasswordQueue;
  readonly #alsoBasic: boolean;
  /** Digests of headers with a password, and whose they were found to be. */
  readonly #right = new Map<string, PasswordEntry>();
  readonly #wrong = new Set<string>();

  /**
   * `alsoBasic`: a token may come as the password of a user of any name, as from a browser. What `previous` found out
   * of passwords that did not change need not be found again.
   */
  constructor(credentials: Credentials, queue: PasswordQueue, alsoBasic = false, previous?: Checker) {
    this.#credentials = credentials;
    this.#queue = queue;
    this.#alsoBasic = alsoBasic;
    const { tokens, users } = { tokens: [], users: [], ...credentials };
    this.#tokens = new Map(tokens.map((entry) => [entry.digest, entry]));
    this.#users = new Map(users.map((entry) => [entry.name, entry]));
    this.#decoy = users.map(({ hash }) => hash).reduce((a, b) => (isSlow(a) ? a : b), '');
    if (previous !== undefined) this.#inherit(previous);
  }

  #inherit(previous: Checker): void {
    if (previous.#credentials.key !== this.#credentials.key) return;
    for (const [digest, { name, hash }] of previous.#right) {
      const user = this.#users.get(name);
      if (user?.hash === hash) this.#right.set(digest, user);
    }
  }

  /** Who asks from one address has one password compared at a time. */
  find(authorization: string | undefined, asker: Asker): Found {
    if (authorization === undefined) return 'missing';
    if (authorization.length > mostChars) return 'wrong';
    return this.#credentials.scheme === 'bearer'
      ? this.#byToken(authorization)
      : this.#byPassword(authorization, asker);
  }

  /** The same for one who can wait; `busy` where too many do. */
  async findInTime(authorization: string | undefined, asker: Asker): Promise<Found> {
    const found = this.find(authorization, asker);
    if (found !== 'busy') return found;
    await this.#queue.turnOf(networkOf(asker.address));
    return this.find(authorization, asker);
  }

  #byToken(authorization: string): Found {
    const token = bearerToken(authorization) ?? (this.#alsoBasic ? basicPair(authorization)?.password : undefined);
    if (token === undefined) return 'wrong';
    return this.#tokens.get(digestOf(this.#credentials.key, token)) ?? 'wrong';
  }

  #byPassword(authorization: string, { address }: Asker): Found {
    const digest = digestOf(this.#credentials.key, authorization);
    const known = this.#right.get(digest);
    if (known !== undefined) return known;
    if (this.#wrong.has(digest)) return 'wrong';
    const pair = basicPair(authorization);
    if (pair === undefined) return 'wrong';
    const user = this.#users.get(pair.user);
    const hash = user?.hash ?? this.#decoy;
    const learn = (isRight: boolean): Found => this.#learn(digest, isRight ? user : undefined);
    // Where one user has a slow hash all are compared in turn, or the answer would say whose name it knows.
    if (!isSlow(this.#decoy)) return learn(matches(pair.password, hash));
    this.#queue.ask(networkOf(address), pair.password, hash, learn);
    return 'busy';
  }

  /** A user has one password, so there are about as many right headers as users: base64 may be written in some ways. */
  #learn(digest: string, user: PasswordEntry | undefined): Found {
    if (user !== undefined) {
      if (this.#right.size > 2 * this.#users.size) this.#right.clear();
      this.#right.set(digest, user);
      return user;
    }
    if (this.#wrong.size === mostWrong) this.#wrong.delete(this.#wrong.keys().next().value as string);
    this.#wrong.add(digest);
    return 'wrong';
  }
}
