import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** The database and what SQLite keeps beside it; it gives those the mode of the database (sqlite.org/walformat.html). */
const sqliteFiles = (file: string): string[] => [file, `${file}-wal`, `${file}-shm`];

const bodies = '-bodies-';

/** A file of bodies of this database (body-files.ts). */
export const bodyFile = (file: string, number: number): string => `${file}${bodies}${String(number).padStart(6, '0')}`;

/** More than there ever are: numbers from here on are damaged, or a stranger's. */
export const mostFiles = 1e9;

/** Those that are there; a name that `bodyFile` does not give is a stranger's. */
export function bodyFiles(file: string): { readonly path: string; readonly number: number }[] {
  const start = basename(file) + bodies;
  return readdirSync(dirname(file)).flatMap((name) => {
    const number = name.startsWith(start) ? Number(name.slice(start.length)) : Number.NaN;
    const isOurs = number > 0 && number < mostFiles && name === basename(bodyFile(file, number));
    return isOurs ? [{ path: join(dirname(file), name), number }] : [];
  });
}

/** What there may be of SQLite's, and what is there of bodies. */
export const databaseFiles = (file: string): string[] => [
  ...sqliteFiles(file),
  ...bodyFiles(file).map(({ path }) => path),
];

/** The database that a file of these names belongs to. */
export const databaseOf = (name: string): string => name.replace(/-(wal|shm|bodies-\d+)$/, '');

/**
 * Like `mkdir -p`, and what it makes for the store is its owner's alone, whatever the umask. One that is there stays as
 * it is: it may be a volume's. Node's `recursive` tries for ever where the system answers ENOENT although the parent is
 * there, as /proc does.
 */
export function makeDirectory(path: string): void {
  if (!existsSync(path) || !statSync(path).isDirectory()) make(path, 0o700);
}

function make(path: string, mode: number): void {
  if (!existsSync(dirname(path))) make(dirname(path), 0o777);
  try {
    mkdirSync(path, mode);
    if (mode === 0o700) chmodSync(path, mode);
  } catch (error) {
    throw new Error(`cannot make the directory ${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** Traces may hold what others should not read: a file is made for its owner alone, and one that is there is tightened. */
export function tightenFiles(file: string): void {
  const descriptor = openSync(file, constants.O_RDWR | constants.O_CREAT | constants.O_NONBLOCK, 0o600);
  try {
    unlessForeign(() => fchmodSync(descriptor, 0o600));
  } finally {
    closeSync(descriptor);
  }
  for (const beside of databaseFiles(file).slice(1))
    if (existsSync(beside)) unlessForeign(() => chmodSync(beside, 0o600));
}

/** Whose file it is decides who may read it; a volume's may belong to somebody else. */
function unlessForeign(change: () => void): void {
  try {
    change();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
  }
}
