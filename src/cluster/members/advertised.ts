import { isIP } from 'node:net';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';

/** A host and a port; port 0 and an empty host are left open. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

/**
 * Where others reach a gateway that listens at `bound`: what the operator says, else that address; where it is every
 * address, the machine's first one that is not its own alone, IPv4 first.
 */
export function advertisedAt(bound: Place, said: Place | undefined, interfaces = addresses()): Place {
  const port = said?.port || bound.port;
  if (said?.host) return { host: said.host, port };
  if (bound.host !== '0.0.0.0' && bound.host !== '::') return { host: bound.host, port };
  const outer = interfaces.filter(({ internal, address }) => !internal && !/^fe80:/i.test(address));
  const first = outer.find(({ address }) => isIP(address) === 4) ?? outer[0];
  return { host: first?.address ?? '127.0.0.1', port };
}

const addresses = (): Pick<NetworkInterfaceInfo, 'internal' | 'address'>[] =>
  Object.values(networkInterfaces()).flatMap((all) => all ?? []);
