import type { PastRevision } from '../../../config/rules-history.ts';
import { CommandError, exit } from '../../exit.ts';
import { printable } from '../cells.ts';

/** As gateways name it whose rules file says the same as ours. */
export const revisionName = ({ index, hash }: Pick<PastRevision, 'index' | 'hash'>): string =>
  `${index}-${hash.slice(0, 8) || 'invalid'}`;

/**
 * The revision of this name. Its number alone will do: gateways whose rules file says something else call it by another
 * hash.
 */
export function findRevision(past: readonly PastRevision[], name: string): PastRevision {
  const [, index] = /^(\d{1,16})(-[0-9a-f]{8}|-invalid)?$/.exec(name) ?? [];
  if (index === undefined)
    throw new CommandError(
      `${printable(name)}: expected a revision such as 1234-1f2e3d4c, as \`obsctl sampling history\` lists them`,
      exit.usage,
    );
  const found = past.find((each) => each.index === Number(index));
  if (found) return found;
  throw new CommandError(`${name}: not in the history of this environment, which has the newest 100`, exit.nothing);
}
