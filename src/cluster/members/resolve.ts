import { Resolver } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { Member } from '../../model/member.ts';
import type { DnsQuestion } from '../options.ts';
import { searchListIn, wholeNames } from './search-list.ts';

/** What a name server said. */
interface DnsAnswer {
  readonly members: readonly Member[];
  /** How long that holds, where it was told. */
  readonly ttlMs?: number;
}

/** Asks once; rejects with why there is no list of members. */
export type AskDns = (question: DnsQuestion, signal: AbortSignal) => Promise<DnsAnswer>;

/** By the name servers of the machine, or by `servers`; both are read anew for each question, as they may change. */
export function resolveMembers(servers?: readonly string[]): AskDns {
  return async (question, signal) => {
    const resolver = new Resolver({ timeout: 2_000, tries: 2 });
    if (servers) resolver.setServers(servers);
    const cancel = (): void => resolver.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      if ('host' in question && isIP(question.host)) return atAddresses([question.host], question.port);
      const names = wholeNames('host' in question ? question.host : question.service, await searchList());
      signal.throwIfAborted();
      return 'host' in question
        ? await firstOf(names, (name) => addressesOf(resolver, name, question.port))
        : await firstOf(names, (name) => targetsOf(resolver, name));
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  };
}

const searchList = async () => searchListIn(await readFile('/etc/resolv.conf', 'utf8').catch(() => ''));

/**
 * Of the first name that exists. Only a server that says that there is no such name leads to the next one: after any
 * other trouble that would be the name of somebody else.
 */
async function firstOf(names: readonly string[], ask: (name: string) => Promise<DnsAnswer>): Promise<DnsAnswer> {
  for (const name of names) {
    try {
      return await ask(name);
    } catch (error) {
      if (!isAbsent(error)) throw new Error(`${name}: ${whyOf(error)}`);
    }
  }
  throw new Error(`${names.join(', ')}: no such name, or nothing under it`);
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? '';
const isAbsent = (error: unknown): boolean => ['ENOTFOUND', 'ENODATA'].includes(codeOf(error));
const whyOf = (error: unknown): string => whys[codeOf(error)] ?? (codeOf(error) || (error as Error).message);
const whys: Readonly<Record<string, string>> = {
  ETIMEOUT: 'the name server does not answer',
  ECANCELLED: 'the name server does not answer',
  ESERVFAIL: 'the name server failed (SERVFAIL)',
  EREFUSED: 'the name server refused to answer',
  ECONNREFUSED: 'no name server there',
};

/**
 * A machine with addresses of both families stands under a name twice: IPv6 is asked for where there is no IPv4 at all.
 * A server that fails on the second question has told nothing.
 */
async function addressesOf(resolver: Resolver, name: string, port: number): Promise<DnsAnswer> {
  const found = await resolver.resolve4(name, { ttl: true }).catch((error: unknown) => {
    if (!isAbsent(error)) throw error;
    return resolver.resolve6(name, { ttl: true });
  });
  const ttlMs = 1_000 * Math.min(...found.map(({ ttl }) => ttl));
  return {
    ...atAddresses(
      found.map(({ address }) => address),
      port,
    ),
    ttlMs,
  };
}

function atAddresses(addresses: readonly string[], port: number): DnsAnswer {
  const members = addresses.map((it) => (isIP(it) === 6 ? `[${it}]:${port}` : `${it}:${port}`));
  return { members: members.map((address) => ({ name: address, address })) };
}

/** RFC 2782. All targets are members, whatever their priorities: weights are for those that choose one. */
async function targetsOf(resolver: Resolver, name: string): Promise<DnsAnswer> {
  const members = new Map<string, Member>();
  for (const { name: target, port } of await resolver.resolveSrv(name)) {
    const host = target.replace(/\.$/, '').toLowerCase();
    const [label] = host.split('.');
    const address = `${host}:${port}`;
    if (!/^[\w-]{1,63}$/.test(label)) throw new Error(`a target without a name (${host.slice(0, 64)})`);
    const other = members.get(label);
    if (other && other.address !== address)
      throw new Error(
        `two targets called ${label}, ${other.address} and ${address}: the first label is a member's name`,
      );
    members.set(label, { name: label, address });
  }
  return { members: [...members.values()] };
}
