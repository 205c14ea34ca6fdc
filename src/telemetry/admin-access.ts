import type { IncomingMessage } from 'node:http';
import { challengeOf } from '../access/challenge.ts';
import { Checker } from '../access/checker.ts';
import { type Credential, type Credentials, grants, type Scope } from '../access/credential.ts';
import { PasswordQueue } from '../access/password-queue.ts';
import { subjectMatcher } from '../access/subjects.ts';
import { askedBy } from '../model/member.ts';
import { headerOf } from '../receive/http/header-of.ts';
import { peerOf } from '../receive/peer.ts';

/** What a route needs: a scope, or nothing, as a probe. */
type Need = Scope | 'nothing';

/** What a route says of itself. */
export interface RouteNeeds {
  readonly need: Need;
  /** It answers for the tenant that the request names; others are not for those who belong to one. */
  readonly ofTenant?: true;
}

/** Why a request is not answered. */
interface Denial {
  readonly status: 401 | 403 | 503;
  readonly reason: 'unauthenticated' | 'permission_denied' | 'cross_site' | 'password_unchecked';
  readonly error: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
}

/** Who may do what on the admin port. Without credentials everybody may read who reaches it, and nobody change anything. */
export class AdminAccess {
  /** By the name of the token or user. */
  readonly letIn: Record<string, { requests: number }> = Object.create(null);
  readonly refused: Record<Denial['reason'], number> = {
    unauthenticated: 0,
    permission_denied: 0,
    cross_site: 0,
    password_unchecked: 0,
  };
  readonly #passwords = new PasswordQueue();
  readonly #mayBe: ReturnType<typeof subjectMatcher> | undefined;
  #credentials: Credentials | undefined;
  #checker: Checker | undefined = undefined;
  /** Of the other gateways, which ask for what they were asked by somebody who may. */
  #members: Checker | undefined = undefined;

  /** `clientSubjects`: names of client certificates that may; absent: that is not looked at. */
  constructor(credentials?: Credentials, clientSubjects?: readonly string[]) {
    this.#credentials = credentials;
    this.#mayBe = clientSubjects && subjectMatcher(clientSubjects);
    if (credentials !== undefined) this.renew(credentials);
  }

  /** Others may ask, from the next request on. */
  renew(credentials: Credentials): void {
    this.#credentials = credentials;
    this.#checker = new Checker(credentials, this.#passwords, true, this.#checker);
  }

  /** What gateways of a fleet show each other, from the next request on. */
  renewMembers(credentials: Credentials): void {
    this.#members = new Checker(credentials, this.#passwords);
  }

  /** Whose request it is, undefined where that is all the same, or why it is not answered. */
  async judge(request: IncomingMessage, { need, ofTenant }: RouteNeeds): Promise<Credential | undefined | Denial> {
    const found = need === 'nothing' ? undefined : await this.#judge(request, need, ofTenant === true);
    if (found === undefined) return undefined;
    if ('status' in found) this.refused[found.reason]++;
    else this.#count(found.name);
    return found;
  }

  #count(name: string): void {
    this.letIn[name] ??= { requests: 0 };
    this.letIn[name].requests++;
  }

  async #judge(request: IncomingMessage, need: Scope, ofTenant: boolean): Promise<Credential | undefined | Denial> {
    if (need === 'change' && isCrossSite(request)) return crossSite;
    const peer = peerOf(request.socket);
    const member = await this.#memberOf(request, peer);
    if (member !== undefined) return member;
    if (this.#mayBe?.(peer.subject) === false) return unknownClient;
    if (this.#checker === undefined) return need === 'change' && !this.#mayBe ? nobodyMay : undefined;
    const found = await this.#checker.findInTime(headerOf(request, 'authorization'), peer);
    if (found === 'busy') return busy;
    if (found === 'missing' || found === 'wrong') return this.#unauthenticated(found === 'wrong');
    if (!grants(found, need)) return tooNarrow(found, need);
    return found.tenant === undefined || ofTenant ? found : ofAll(found);
  }

  async #memberOf({ headers }: IncomingMessage, peer: ReturnType<typeof peerOf>): Promise<Credential | undefined> {
    if (this.#members === undefined || headers[askedBy] === undefined) return undefined;
    const found = await this.#members.findInTime(headers.authorization, peer);
    return typeof found === 'string' ? undefined : { name: found.name };
  }

  #unauthenticated(isWrong: boolean): Denial {
    const scheme = this.#credentials?.scheme ?? 'bearer';
    const how = scheme === 'bearer' ? 'a token of admin.auth' : 'a user of admin.auth, with the password';
    // A browser asks its user only for what it knows itself.
    const challenges = scheme === 'bearer' ? [challengeOf('bearer', isWrong), challengeOf('basic', isWrong)] : [];
    return {
      status: 401,
      reason: 'unauthenticated',
      error: isWrong ? `these credentials are not known here: send ${how}` : `this needs ${how}`,
      headers: { 'www-authenticate': challenges.length > 0 ? challenges : challengeOf(scheme, isWrong) },
    };
  }
}

const tooNarrow = ({ name, scope }: Credential, need: Scope): Denial => ({
  status: 403,
  reason: 'permission_denied',
  error: `the token "${name}" is for ${scope} alone, and this is ${need}`,
});

const ofAll = ({ name, tenant }: Credential): Denial => ({
  status: 403,
  reason: 'permission_denied',
  error: `the token "${name}" is tenant ${tenant}'s alone, and this is of all tenants`,
});

const unknownClient: Denial = {
  status: 403,
  reason: 'permission_denied',
  error: "this client's certificate is good, and none of those that may ask here (admin.auth.client_subjects)",
};

const nobodyMay: Denial = {
  status: 403,
  reason: 'permission_denied',
  error: 'nothing can be changed here without credentials: set admin.auth in the boot file',
};

const crossSite: Denial = { status: 403, reason: 'cross_site', error: 'a page of another site asked for this' };

const busy: Denial = {
  status: 503,
  reason: 'password_unchecked',
  error: 'passwords are being checked: try again in a moment',
  headers: { 'retry-after': '1' },
};

/**
 * Was it a page of somebody else that made a browser ask? It has the browser's credentials for us all the same. Who is
 * no browser sends neither header. Source: Fetch, 3.2 (Origin), and Fetch Metadata, 2.4 (Sec-Fetch-Site).
 */
function isCrossSite({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  const { origin, host } = headers;
  return origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`;
}
