import type { Member } from '../../model/member.ts';
import { inOrder, type MembersWatch, type OnMembers } from './list.ts';

/** The members that the boot file names: they change with a restart. */
export function watchStatic(members: readonly Member[], onChange: OnMembers): MembersWatch {
  onChange(inOrder(members));
  return { stop: () => Promise.resolve() };
}
