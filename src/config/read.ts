import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { UsageError } from '../errors.ts';
import { memoryLimit } from './container-limits.ts';
import { decodeText, type NoText, placed } from './decode-text.ts';
import { loadBoot } from './load.ts';
import { unreadable } from './read-text.ts';
import type { BootConfig } from './schema.ts';
import type { Variables } from './variables.ts';

/** The boot file from disk; UsageError with a line for each thing that is wrong with it. */
export async function readBoot(file: string, env: Variables, cwd: string): Promise<BootConfig> {
  const result = loadBoot(await readOrExplain(file), {
    file,
    env,
    cwd,
    memoryLimitBytes: memoryLimit(),
    hostName: hostname(),
  });
  if ('errors' in result) throw new UsageError(result.errors.join('\n'));
  return result.config;
}

async function readOrExplain(file: string): Promise<string> {
  let text: string | NoText;
  try {
    text = decodeText(await readFile(file));
  } catch (error) {
    const why = unreadable(error, 'there is no such file: expected a boot file, named by --config or TAILGATE_CONFIG');
    throw new UsageError(`${file}: ${why}`);
  }
  if (typeof text === 'string') return text;
  throw new UsageError(placed(file, text));
}
