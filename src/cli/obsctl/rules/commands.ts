import { readFileSync } from 'node:fs';
import { keyFields } from '../../../config/rules-keys.ts';
import { unknownKey } from '../../../units.ts';
import { CommandError, type ExitCode, exit } from '../../exit.ts';
import { printable } from '../cells.ts';
import type { Settings } from '../settings.ts';
import type { WriteFlags } from './flags.ts';
import { findRevision, revisionName } from './revision-name.ts';
import { keysOfFile } from './validate.ts';
import { write } from './write.ts';

/** `obsctl sampling set KEY VALUE`: one key. */
export async function set(
  key: string,
  value: string | undefined,
  flags: WriteFlags & { readonly delete?: boolean },
  settings: Settings,
): Promise<ExitCode> {
  if (!Object.hasOwn(keyFields, key)) throw usage(`${printable(key)}: ${unknownKey(key, Object.keys(keyFields))}`);
  if ((value === undefined) !== (flags.delete === true))
    throw usage(`${key}: expected a value, @FILE to take it from there, or --delete to leave it to the rules file`);
  const text = value === undefined ? undefined : textOf(value);
  return await write(flags, settings, ({ keys }) => {
    const { [key]: _, ...others } = keys;
    return { keys: text === undefined ? others : { ...others, [key]: text } };
  });
}

/** `obsctl sampling push FILE`: a rules document, field by field. */
export async function push(
  file: string,
  flags: WriteFlags & { readonly keepOthers?: boolean },
  settings: Settings,
): Promise<ExitCode> {
  return await write(flags, settings, ({ keys: now }, _, { environment, folder }) => {
    const { keys, notes } = keysOfFile(file, environment);
    const others = Object.keys(now).filter((name) => !Object.hasOwn(keys, name));
    if (others.length === 0) return { keys, notes };
    const names = others.join(', ');
    if (flags.keepOthers)
      return { keys: { ...now, ...keys }, notes: [...notes, `${names}: not in ${file}, left as in ${folder}`] };
    return {
      keys,
      notes: [...notes, `${names}: not in ${file}, so deleted from ${folder} (--keep-others leaves them)`],
    };
  });
}

/** `obsctl sampling rollback REVISION`: the keys of that revision as a new one. */
export async function rollback(name: string, flags: WriteFlags, settings: Settings): Promise<ExitCode> {
  return await write(flags, settings, (_, past) => {
    const found = findRevision(past, name);
    return { keys: found.keys, why: `rollback to ${revisionName(found)}` };
  });
}

function textOf(value: string): string {
  if (!value.startsWith('@')) return value;
  try {
    return readFileSync(value.slice(1), 'utf8').trimEnd();
  } catch (error) {
    throw usage(`${value}: ${(error as Error).message}`);
  }
}

const usage = (message: string): CommandError => new CommandError(message, exit.usage);
