import type { ClusterConfig } from '../options.ts';
import type { MembersWatch, OnMembers } from './list.ts';

/** Watches who the members of the fleet are. */
export async function watchMembers({ members }: ClusterConfig, onChange: OnMembers): Promise<MembersWatch> {
  const { watchStatic } = await import('./static.ts');
  return watchStatic(members.static, onChange);
}
