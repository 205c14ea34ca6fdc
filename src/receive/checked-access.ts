import { challengeOf } from '../access/challenge.ts';
import { Checker } from '../access/checker.ts';
import { type Credentials, namesOf } from '../access/credential.ts';
import { PasswordQueue } from '../access/password-queue.ts';
import { Refusal, Unauthenticated } from '../errors.ts';
import type { Intake } from '../model/intake.ts';
import type { Access, LetIn, RequestHead, Seen } from './access.ts';

/** Passwords of all listeners of this thread. */
const passwords = new PasswordQueue();

/**
 * Lets in who has credentials that are known; where its requests go then, `next` says. What a connection was let in with
 * is compared as it is with what that connection brings next, everything else by digests (access/digest.ts).
 */
export class CheckedAccess implements Access {
  /** By the name of the token or user; those that are retired are left out. */
  letIn: Readonly<Record<string, LetIn>>;
  readonly #next: Access;
  #checker: Checker;
  #refusals: Readonly<Record<'missing' | 'wrong' | 'busy', Refusal>>;

  constructor(credentials: Credentials, next: Access) {
    this.#next = next;
    this.letIn = Object.fromEntries(zeros(credentials));
    this.#checker = new Checker(credentials, passwords);
    this.#refusals = refusalsOf(credentials);
  }

  get tenantHeader(): string | undefined {
    return this.#next.tenantHeader;
  }

  /** Other credentials, from the next request on. */
  renew(credentials: Credentials): void {
    this.#checker = new Checker(credentials, passwords, false, this.#checker);
    this.#refusals = refusalsOf(credentials);
    const stays = (name: string): boolean => Object.hasOwn(this.letIn, name);
    this.letIn = Object.fromEntries(
      zeros(credentials).map(([name, none]) => [name, stays(name) ? this.letIn[name] : none]),
    );
  }

  admit(head: RequestHead, headers?: Parameters<Access['admit']>[1]): Intake | Refusal {
    return this.refuses(head) ?? this.#next.admit(head, headers);
  }

  refuses(head: RequestHead): Refusal | undefined {
    const { authorization, seen } = head;
    const found =
      seen !== undefined && seen.authorization === authorization && seen.by === this.#checker ? seen : this.#find(head);
    if (typeof found === 'string') return this.#refusals[found];
    found.count.requests++;
    head.owner = found.credential.tenant;
    return undefined;
  }

  #find(head: RequestHead): Seen | 'missing' | 'wrong' | 'busy' {
    const { authorization = '', peer } = head;
    const credential = this.#checker.find(head.authorization, peer);
    if (typeof credential === 'string') return credential;
    head.seen = { authorization, by: this.#checker, credential, count: this.letIn[credential.name] };
    return head.seen;
  }
}

const zeros = (credentials: Credentials): [string, LetIn][] =>
  namesOf(credentials).map((name) => [name, { requests: 0 }]);

/** Nothing in them says which part of the credentials is wrong. One object each: refusing is cheap. */
function refusalsOf({ scheme }: Credentials) {
  const how = scheme === 'bearer' ? 'authorization: Bearer TOKEN' : 'authorization: Basic, with user and password';
  return {
    missing: new Unauthenticated(`credentials are needed: send ${how}`, challengeOf(scheme, false)),
    wrong: new Unauthenticated(`these credentials are not known here: expected ${how}`, challengeOf(scheme, true)),
    busy: new Refusal('password_unchecked', 'this password is about to be checked: try again'),
  };
}
