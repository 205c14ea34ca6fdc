import { existsSync, readdirSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { tenantsDirectory } from './databases.ts';
import type { WorkerOptions } from './messages.ts';

/**
 * Deletes databases that nobody can ask any more, once all that lies in them is older than it may become: of tenants
 * that the boot file allows no longer, and of the time before or after there were tenants. Until then they wait for
 * whoever takes the change back.
 */
export function deleteForsaken({ directory, retentionMs, tenants }: WorkerOptions, now: number): void {
  const names = tenants?.map(({ name }) => name);
  const before = now - retentionMs;
  if (names !== undefined) deleteOld(directory, before);
  for (const name of foldersIn(tenantsDirectory(directory))) {
    if (names?.includes(name)) continue;
    const folder = join(tenantsDirectory(directory), name);
    deleteOld(folder, before);
    if (readdirSync(folder).length === 0) rmdirSync(folder);
  }
}

/** Files of one database, and what was set aside of it, where none was written since. */
function deleteOld(folder: string, before: number): void {
  const files = readdirSync(folder)
    .filter((name) => name.startsWith('traces.db'))
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
  if (files.every((path) => statSync(path).mtimeMs < before)) for (const path of files) rmSync(path, { force: true });
}

function foldersIn(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}
