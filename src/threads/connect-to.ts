import { Security } from '../export/security.ts';
import { Peer } from '../forward/peer.ts';
import { tlsClient } from '../tls-client/files.ts';
import type { FleetLink } from './shards.ts';

/** A call to a member leaves time for the member behind it. */
const triesInTime = 2;

/** The way to a member of the fleet; `link` says how it is reached, each time it is connected. */
export function connectTo(address: string, link: () => FleetLink, timeoutMs: number): Peer {
  const { headers, tls } = link();
  const client = tls && tlsClient(tls.texts, { serverName: tls.serverName ?? '' }, (_, message) => new Error(message));
  const security = client === undefined ? null : new Security(() => client);
  return new Peer({ address, security, headers, timeoutMs: Math.floor(timeoutMs / triesInTime) });
}
