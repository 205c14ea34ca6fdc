import { noRulesSource } from '../model/rules.ts';
import { ConsulSource } from './consul.ts';
import { FileSource } from './file.ts';
import { doesWith } from './fleet.ts';
import type { FileText } from './read-text.ts';
import type { BootConfig } from './schema.ts';
import type { Source } from './source.ts';

/** The sources that a boot file names. Consul's client is loaded where it is asked for. */
export async function rulesSources(config: Pick<BootConfig, 'mode' | 'kafka' | 'rules' | 'environment'>) {
  if (doesWith(config) !== 'decides') return { file: noRules };
  const { rules, environment } = config;
  const file = new FileSource(rules.file);
  if (!rules.consul) return { file };
  const { readFolder } = await import('./consul-read.ts');
  const folder = `${rules.consul.prefix}/${environment}`;
  return {
    file,
    consul: new ConsulSource(folder, readFolder(rules.consul.client, folder, { maxBytes: rules.maxBytes })),
    writtenBy: await newestAuthor(rules.consul, environment),
  };
}

/** Where nothing is decided. */
const noRules: Source<FileText> = {
  name: noRulesSource,
  start: (listener) => listener.changed('{}'),
  refresh: () => {},
  stop: () => {},
};

/** The entry is a line or two. */
const author = { timeoutMs: 5_000, maxBodyBytes: 65_536 };

/** Asks the history that obsctl writes; one question at a time, on a connection of its own. */
async function newestAuthor({ prefix, client }: NonNullable<BootConfig['rules']['consul']>, environment: string) {
  const { ConsulKv } = await import('./consul-kv.ts');
  const { historyFolder, newestKey, readNewest } = await import('./rules-history.ts');
  const kv = new ConsulKv(client, author);
  const key = `${historyFolder(prefix, environment)}/${newestKey}`;
  const never = new AbortController().signal;
  let asking: Promise<unknown> = Promise.resolve();
  return async (index: number) => {
    const asked = asking.then(() => kv.readKey(key, never));
    asking = asked.catch(() => {});
    return readNewest(await asked, index);
  };
}
