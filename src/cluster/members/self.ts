import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Member } from '../../model/member.ts';

/** What a gateway knows of itself. */
interface Self {
  /** `cluster.name`. */
  readonly name: string;
  /** Where others reach it; an address that is none of the machine's own alone, such as 0.0.0.0, stands for all of them. */
  readonly host: string;
  readonly port: number;
}

/**
 * Which member of the list this gateway is, −1 where it is not in it. By its name; where the list has addresses for
 * names, by the address that it listens at, or one of this machine, with the gateway's port.
 */
export function selfIn(members: readonly Member[], { name, host, port }: Self, own = ownAddresses()): number {
  const byName = members.findIndex((member) => member.name === name);
  if (byName >= 0) return byName;
  const addresses = host === '' || everywhere.includes(host) ? own : [host];
  return members.findIndex((member) => member.name === member.address && isOwn(member.address, port, addresses));
}

function isOwn(address: string, port: number, own: readonly string[]): boolean {
  const [, host, itsPort] = /^\[?([^\]]*?)\]?:(\d+)$/.exec(address) ?? [];
  if (host === undefined || Number(itsPort) !== port) return false;
  const family = isIP(host);
  if (family === 0) return host === 'localhost';
  const list = new BlockList();
  list.addAddress(host, family === 4 ? 'ipv4' : 'ipv6');
  return own.some((it) => isIP(it) === family && list.check(it, family === 4 ? 'ipv4' : 'ipv6'));
}

const everywhere = ['0.0.0.0', '::', 'localhost'];

const ownAddresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address));
