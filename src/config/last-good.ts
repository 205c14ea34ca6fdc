import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolder } from '../folders.ts';
import type { RulesDocument } from '../model/rules.ts';
import { isBlock } from '../units.ts';
import type { KvEntry } from './rules-keys.ts';

/** The revision that was last in force, for a start while Consul is silent. */
export interface LastGood {
  /** `consul:…` and the environment: those of another place are of no use. */
  readonly source: string;
  /** Where in Consul that is, see placeOf. */
  readonly place: string;
  readonly environment: string;
  readonly revision: string;
  readonly index: number;
  /** The keys as Consul had them, to be laid over the rules file of today. */
  readonly keys: readonly KvEntry[];
  /** Keys and file together, for the day when the file is gone as well. */
  readonly document: RulesDocument;
}

/** Whose rules they are. */
type RulesOwner = Pick<LastGood, 'source' | 'place' | 'environment'>;

/**
 * Datacenter, partition and namespace, as far as they are named: a folder of the same name in another one is another.
 * The agent's address is not part of it, for it changes with the machine.
 */
export const placeOf = ({ datacenter = '', partition = '', namespace = '' }: ConsulPlace): string =>
  [datacenter, partition, namespace].map(encodeURIComponent).join('/');

type ConsulPlace = Readonly<Partial<Record<'datacenter' | 'partition' | 'namespace', string>>>;

/** What was written for this owner; undefined where there is nothing, or nothing whole. */
export function readLastGood(file: string, owner: RulesOwner): LastGood | undefined {
  try {
    const saved = JSON.parse(readFileSync(file, 'utf8'));
    const { source, place, environment } = owner;
    const fits = saved.source === source && saved.place === place && saved.environment === environment;
    const whole = Array.isArray(saved.keys) && saved.keys.every(isEntry) && isBlock(saved.document);
    return fits && whole ? saved : undefined;
  } catch {
    return undefined;
  }
}

/** Writes beside the file and renames, so that whoever reads finds the old one or the new one whole. */
export async function writeLastGood(file: string, saved: LastGood): Promise<void> {
  await makeFolder(dirname(file));
  await writeFile(`${file}.new`, `${JSON.stringify(saved, null, 2)}\n`);
  await rename(`${file}.new`, file);
}

function isEntry(entry: unknown): boolean {
  return isBlock(entry) && typeof entry.key === 'string' && typeof entry.value === 'string';
}
