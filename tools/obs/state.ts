import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runs, startMark } from './process.ts';
import type { Ports } from './stack.ts';

/** A process of the stack. The mark tells it from another that has its number later. */
export interface Started {
  readonly name: string;
  readonly pid: number;
  readonly mark: string;
}

/** What is remembered between `up` and `down`. */
export interface State {
  readonly way: 'processes' | 'compose';
  readonly ports: Ports;
  readonly since: string;
  readonly processes: readonly Started[];
}

const file = (directory: string): string => join(directory, 'state.json');

/** The state of the stack in `directory`; undefined where none was started. */
export function readState(directory: string): State | undefined {
  try {
    return JSON.parse(readFileSync(file(directory), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`${file(directory)} cannot be read: ${(error as Error).message}`);
  }
}

/** Whole or not at all. */
export function writeState(directory: string, state: State): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(`${file(directory)}.new`, `${JSON.stringify(state, null, 2)}\n`);
  renameSync(`${file(directory)}.new`, file(directory));
}

export const forgetState = (directory: string): void => rmSync(file(directory), { force: true });

/** One at a time changes a stack. Returns what gives the lock back; throws where another process has it. */
export function lock(directory: string): () => void {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, 'lock');
  const mine = `${path}.${process.pid}`;
  writeFileSync(mine, JSON.stringify({ name: 'obs', pid: process.pid, mark: startMark(process.pid) }));
  try {
    while (!taken(mine, path)) {
      const holder = holderOf(path);
      if (holder && runs(holder)) {
        throw new Error(`another obs-up or obs-down is at work in ${directory} (process ${holder.pid})`);
      }
      rmSync(path, { force: true }); // its holder was killed
    }
  } finally {
    rmSync(mine, { force: true });
  }
  return () => rmSync(path, { force: true });
}

/** By a link, so that whoever sees the lock sees whose it is. */
function taken(mine: string, path: string): boolean {
  try {
    linkSync(mine, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  }
}

function holderOf(path: string): Started | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
