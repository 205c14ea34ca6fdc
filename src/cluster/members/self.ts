import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Member } from '../../model/member.ts';

/** What a gateway knows of itself. */
interface Self {
  /** `cluster.name`. */
  readonly name: string;
  /** Where it listens; what is no address of the machine alone, such as 0.0.0.0 or a name, stands for all of them. */
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
  const addresses = isIP(host) === 0 || isEverywhere(host) ? own : [host.replace(/%.*/, '')];
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

/** However it is written. */
const isEverywhere = (host: string): boolean => /^[0:.]+$/.test(host);

const ownAddresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address));
