import { subjectMatcher } from '../access/subjects.ts';
import { Refusal } from '../errors.ts';
import type { Intake } from '../model/intake.ts';
import type { Access, RequestHead } from './access.ts';
import type { Peer } from './peer.ts';

const denied = new Refusal(
  'permission_denied',
  "this client's certificate is good, and none of those that may send here (auth.client_subjects)",
);

/** Lets in who showed a certificate with one of the names; where its requests go then, `next` says. */
export class SubjectAccess implements Access {
  readonly #matches: ReturnType<typeof subjectMatcher>;
  readonly #next: Access;
  /** Connections that may, so that each is looked at once. */
  readonly #known = new WeakSet<Peer>();

  constructor(names: readonly string[], next: Access) {
    this.#matches = subjectMatcher(names);
    this.#next = next;
  }

  get tenantHeader(): string | undefined {
    return this.#next.tenantHeader;
  }

  admit(head: RequestHead, headers?: Parameters<Access['admit']>[1]): Intake | Refusal {
    return this.#isKnown(head) ? this.#next.admit(head, headers) : denied;
  }

  refuses(head: RequestHead): Refusal | undefined {
    return this.#isKnown(head) ? this.#next.refuses(head) : denied;
  }

  #isKnown({ peer }: RequestHead): boolean {
    if (this.#known.has(peer)) return true;
    if (!this.#matches(peer.subject)) return false;
    this.#known.add(peer);
    return true;
  }
}
