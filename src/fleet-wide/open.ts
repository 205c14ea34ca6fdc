import { Ownership } from '../cluster/ownership.ts';
import type { BootConfig } from '../config/schema.ts';
import type { Member } from '../model/member.ts';
import type { FleetStats } from '../model/stats.ts';
import type { OpenFleet } from '../open-fleet.ts';
import type { AdminSources, ClusterStatus, OwnAnswers } from '../telemetry/sources.ts';
import type { FleetLink } from '../threads/shards.ts';
import { type TlsClient, tlsClient } from '../tls-client/files.ts';
import { askMembers } from './ask-member.ts';
import { fleetWide } from './fleet-wide.ts';

interface FleetWide extends Required<Pick<AdminSources, 'fleet' | 'cluster'>> {
  stats(): FleetStats;
}

/** What the admin port says of the fleet, and for it; `own`: what this gateway says of its own. */
export function openFleetWide(
  { admin, tenants }: Pick<BootConfig, 'admin' | 'tenants'>,
  { fleet, link }: Pick<OpenFleet, 'fleet' | 'link'>,
  own: OwnAnswers,
): FleetWide {
  const ask = askMembers({
    self: fleet.self,
    portOf: (name) => {
      const member = fleet.states().find((it) => it.name === name);
      if (member === undefined || member.state === 'unreachable') return undefined;
      return member.adminPort || admin.endpoint.port;
    },
    authorization: () => link().headers.authorization,
    ...(admin.tls && { tls: tlsOf(link) }),
  });
  const seen = {
    get self() {
      return fleet.self;
    },
    members: () => fleet.states(),
    lists: () => fleet.lists.all.map(({ members }) => members).toReversed(),
  };
  const owned = shareOf();
  const cluster = (): ClusterStatus => {
    const { members: inForce, epoch } = fleet.lists.inForce;
    return {
      self: fleet.self,
      epoch,
      members: fleet.states().map(({ name, address, state }) => ({ name, address, state })),
      owned: owned(inForce, fleet.self),
    };
  };
  return {
    fleet: fleetWide({ fleet: seen, ask, own, tenants }),
    cluster,
    stats: () => {
      const { members, owned: part } = cluster();
      const states = Map.groupBy(members, ({ state }) => state);
      return { members: Object.fromEntries([...states].map(([state, all]) => [state, all.length])), owned: part };
    },
  };
}

/** A sample takes some milliseconds in a large fleet, and holds as long as the list does. */
function shareOf(): (members: readonly Member[], self: string) => number {
  let last: { readonly members: readonly Member[]; readonly self: string; readonly share: number } | undefined;
  return (members, self) => {
    if (last?.members === members && last.self === self) return last.share;
    const ownership = Ownership.of(members);
    const index = ownership.members.findIndex(({ name }) => name === self);
    last = { members, self, share: index < 0 ? 0 : ownership.shareOf(index) };
    return last.share;
  };
}

const noFiles = {};

/** By the files of `cluster.tls`, where there is such a block; they may be exchanged at any time. */
function tlsOf(link: () => FleetLink): () => TlsClient {
  let last: { readonly texts: object; readonly client: TlsClient } | undefined;
  return () => {
    const { texts = noFiles, serverName } = link().tls ?? {};
    if (last?.texts !== texts)
      last = { texts, client: tlsClient(texts, serverName ? { serverName } : {}, (_, message) => new Error(message)) };
    return last.client;
  };
}
