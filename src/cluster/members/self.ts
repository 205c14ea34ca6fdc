import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Member } from '../../model/member.ts';

/** What a gateway knows of itself. */
interface Self {
  /** `cluster.name`. */
  readonly name: string;
  /** The port at which others reach it. */
  readonly port: number;
}

/**
 * Which member of the list this gateway is, −1 where it is not in it. By its name; where the list has addresses for
 * names, by an address of this machine with the gateway's port.
 */
export function selfIn(members: readonly Member[], { name, port }: Self, own = ownAddresses()): number {
  const byName = members.findIndex((member) => member.name === name);
  if (byName >= 0) return byName;
  return members.findIndex((member) => member.name === member.address && isOwn(member.address, port, own));
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

const ownAddresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address));
