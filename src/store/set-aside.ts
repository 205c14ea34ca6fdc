import { lstatSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { databaseFiles, databaseOf } from './own-files.ts';

interface AsideLimits {
  readonly maxAgeMs: number;
  readonly maxBytes: number;
}

/** Of those that are kept; a file that is damaged again and again would fill the disk. */
const maxKept = 2;
const infix = '.aside-';

interface Aside {
  readonly path: string;
  readonly at: number;
  readonly bytes: number;
}

/**
 * Gives what lies in the place of the database other names, with the time: `traces.db.aside-2026-11-29T09-30-00-000Z`,
 * its log and bodies beside it; `sqlite3` may read some of it yet. Its new name.
 */
export function setAside(file: string, now: number): string {
  const aside = `${file}${infix}${new Date(now).toISOString().replaceAll(/[:.]/g, '-')}`;
  for (const path of databaseFiles(file).filter(isThere)) renameSync(path, aside + path.slice(file.length));
  return aside;
}

/** Deletes what was set aside too long ago, and the oldest of what is too many or too much. */
export function trimAsides(file: string, now: number, { maxAgeMs, maxBytes }: AsideLimits): void {
  let kept = 0;
  let bytes = 0;
  for (const aside of asidesOf(file).reverse()) {
    bytes += aside.bytes;
    if (++kept > maxKept || bytes > maxBytes || now - aside.at > maxAgeMs) remove(aside);
  }
}

/** Deletes the oldest that was set aside, where the disk is full; false where there is none. */
export function dropOldestAside(file: string): boolean {
  const [oldest] = asidesOf(file);
  if (oldest !== undefined) remove(oldest);
  return oldest !== undefined;
}

/** Oldest first. What is no file of ours (a directory, say) is left to whoever made it. */
function asidesOf(file: string): Aside[] {
  const start = `${basename(file)}${infix}`;
  const names = readdirSync(dirname(file)).filter((name) => name.startsWith(start));
  return [...new Set(names.map(databaseOf))].sort().flatMap((name) => {
    const path = join(dirname(file), name);
    const stats = databaseFiles(path)
      .filter(isThere)
      .map((each) => lstatSync(each));
    if (!stats.every((each) => each.isFile())) return [];
    return { path, at: timeOf(name.slice(start.length)), bytes: stats.reduce((sum, { size }) => sum + size, 0) };
  });
}

const timeOf = (text: string): number => Date.parse(text.replace(/T(..)-(..)-(..)-/, 'T$1:$2:$3.')) || 0;

const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;

function remove({ path }: Aside): void {
  for (const name of databaseFiles(path)) rmSync(name, { force: true });
}

/** What is in the place of the database or its log and no file, in words; empty where all is as it should be. */
export function notAFile(file: string): string {
  const odd = databaseFiles(file).find((name) => isThere(name) && !lstatSync(name).isFile());
  return odd === undefined ? '' : `${odd} is no file`;
}
