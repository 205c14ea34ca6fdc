import { ConsulSource } from './consul.ts';
import { FileSource } from './file.ts';
import type { BootConfig } from './schema.ts';

/** The sources that a boot file names. Consul's client is loaded where it is asked for. */
export async function rulesSources({ rules, environment }: Pick<BootConfig, 'rules' | 'environment'>) {
  const file = new FileSource(rules.file);
  if (!rules.consul) return { file };
  const { readFolder } = await import('./consul-read.ts');
  const folder = `${rules.consul.prefix}/${environment}`;
  return {
    file,
    consul: new ConsulSource(folder, readFolder(rules.consul.client, folder, { maxBytes: rules.maxBytes })),
  };
}
