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

/**
 * By the name servers of the question, which then say where the targets of a service are too, since the machine need not
 * know these; or by those of the machine, read anew for each question, as they may change, or `servers`.
 */
export function resolveMembers(servers?: readonly string[]): AskDns {
  return async (question, signal) => {
    const resolver = new Resolver({ timeout: 2_000, tries: 2 });
    const asked = question.nameServers ?? servers;
    if (asked) resolver.setServers(asked);
    const cancel = (): void => resolver.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      if ('host' in question && isIP(question.host)) return atAddresses([question.host], question.port);
      const names = wholeNames('host' in question ? question.host : question.service, await searchList());
      signal.throwIfAborted();
      return 'host' in question
        ? await firstOf(names, (name) => addressesOf(resolver, name, question.port))
        : await firstOf(names, (name) => targetsOf(resolver, name, question.nameServers !== undefined));
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

const hostIn = (address: string): string => address.slice(0, address.lastIndexOf(':'));

/** Where a target is; undefined where it has no address, as that of a pod that is not up. */
async function locate(resolver: Resolver, { name, address }: Member): Promise<Member | undefined> {
  const port = Number(address.slice(hostIn(address).length + 1));
  try {
    const { members } = await addressesOf(resolver, hostIn(address), port);
    return { name, address: members.map((it) => it.address).sort()[0] };
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** RFC 2782. All targets are members, whatever their priorities: weights are for those that choose one. */
async function targetsOf(resolver: Resolver, name: string, locates: boolean): Promise<DnsAnswer> {
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
  if (!locates) return { members: [...members.values()] };
  const located = await Promise.all([...members.values()].map((member) => locate(resolver, member)));
  return { members: located.filter((member) => member !== undefined) };
}
