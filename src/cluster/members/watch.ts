import type { ClusterConfig } from '../options.ts';
import type { MembersWatch, OnMembers, TellOfMembers } from './list.ts';

const nobody: TellOfMembers = { answered: () => {}, failed: () => {} };

/** Watches who the members of the fleet are. */
export async function watchMembers(
  { members }: ClusterConfig,
  onChange: OnMembers,
  tell = nobody,
): Promise<MembersWatch> {
  if ('static' in members) {
    const { watchStatic } = await import('./static.ts');
    return watchStatic(members.static, onChange);
  }
  if ('consul' in members) {
    const [{ ConsulMembers }, { readMembers }] = await Promise.all([import('./consul.ts'), import('./consul-read.ts')]);
    const { client, service } = members.consul;
    return new ConsulMembers(readMembers(client, service)).start(onChange, tell);
  }
  const [{ DnsMembers }, { resolveMembers }] = await Promise.all([import('./dns.ts'), import('./resolve.ts')]);
  return new DnsMembers(resolveMembers()).start(members.dns, onChange, tell);
}
