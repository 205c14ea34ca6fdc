import { readFile } from 'node:fs/promises';
import { UsageError } from '../errors.ts';
import { loadBoot } from './load.ts';
import type { BootConfig } from './schema.ts';
import type { Variables } from './variables.ts';

/** The boot file from disk; UsageError with a line for each thing that is wrong with it. */
export async function readBoot(file: string, env: Variables, cwd: string): Promise<BootConfig> {
  const result = loadBoot(await readOrExplain(file), { file, env, cwd });
  if ('errors' in result) throw new UsageError(result.errors.join('\n'));
  return result.config;
}

async function readOrExplain(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const why = missing
      ? 'there is no such file: expected a boot file, named by --config or TAILGATE_CONFIG'
      : (error as Error).message;
    throw new UsageError(`${file}: ${why}`);
  }
}
