import { readFileSync } from 'node:fs';

/** For files, the store, exporters, the admin port and what Node needs. */
const reserved = 512;

/** How many connections a process may have by its limit of open files; Infinity where that cannot be read. */
export function connectionsByOpenFiles(limits = readLimits()): number {
  const limit = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  return limit === undefined ? Number.POSITIVE_INFINITY : Math.max(64, Number(limit) - reserved);
}

/** Linux; Node has raised the soft limit to the hard one when it started. */
function readLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'latin1');
  } catch {
    return '';
  }
}
