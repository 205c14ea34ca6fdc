import type { Credential } from '../access/credential.ts';
import type { Refusal } from '../errors.ts';
import type { Intake } from '../model/intake.ts';
import type { Peer } from './peer.ts';

/**
 * What a request says of whose it is, before any of its body is kept. A connection has one of these, which is filled anew
 * for each of its requests, so that to ask costs no garbage: whoever is asked keeps none of it.
 */
export interface RequestHead {
  /** The header's value; of a header that was sent twice, both, with a comma between, which no credentials have. */
  authorization: string | undefined;
  /** The value of the header that may name a tenant (`Access.tenantHeader`); the same of one that was sent twice. */
  tenant: string | undefined;
  readonly peer: Peer;
  /** Whose tenant's every request is that brings these credentials; set by the access that has looked at them. */
  owner: string | undefined;
  /** What that access found the last time, its own to use: senders bring the same credentials with each request. */
  seen: Seen | undefined;
}

/** Credentials that were found to be good, and by whom. */
export interface Seen {
  readonly authorization: string;
  readonly by: object;
  readonly credential: Credential;
  readonly count: LetIn;
}

/** What came in with credentials of one name. */
export interface LetIn {
  requests: number;
}

/** Says whose a request is. Every way in asks once a request, before any of its body is kept. */
export interface Access {
  /** Lower-case name of the header that may name a tenant; undefined where none does. */
  readonly tenantHeader: string | undefined;
  /** Where the request's spans go, or why it may not come in. `headers`: all of them, where it is HTTP/2. */
  admit(head: RequestHead, headers?: Readonly<Record<string, string | undefined>>): Intake | Refusal;
  /** Why whoever asks may not ask at all, for what is no tenant's; undefined = he may. */
  refuses(head: RequestHead): Refusal | undefined;
}

/** Whoever reaches us may send, and there is one tenant. */
export function openAccess(intake: Intake): Access {
  return { tenantHeader: undefined, admit: () => intake, refuses: () => undefined };
}

/** Of a connection that has just come. */
export function headOf(peer: Peer): RequestHead {
  return { authorization: undefined, tenant: undefined, peer, owner: undefined, seen: undefined };
}
