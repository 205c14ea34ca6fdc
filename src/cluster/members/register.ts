import type { ClusterConfig } from '../options.ts';
import { advertisedAt, type Place } from './advertised.ts';
import type { MembersWatch, TellOfMembers } from './list.ts';

/**
 * Makes this gateway known where members are found by a registry; `bound`: where its cluster port listens. Others may
 * send to it from now on. What comes back takes it out again.
 */
export async function registerMember(
  cluster: Pick<ClusterConfig, 'name' | 'advertise' | 'members'>,
  bound: Place,
  tell: TellOfMembers,
): Promise<MembersWatch> {
  const { members, name, advertise } = cluster;
  if (!('consul' in members)) return { stop: () => Promise.resolve() };
  const { ConsulEntry } = await import('./consul-entry.ts');
  const { host, port } = advertisedAt(bound, advertise);
  const { service, client } = members.consul;
  return new ConsulEntry(client, { service, name, host, port }).start(tell);
}
