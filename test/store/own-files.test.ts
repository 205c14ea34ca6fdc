import { chmodSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, it } from 'vitest';
import { openStore } from '../../src/store/opened.ts';
import { hour, start, temporaryDirectory } from './fixture.ts';

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);
const modesIn = (directory: string): Record<string, string> =>
  Object.fromEntries(readdirSync(directory).map((name) => [name, modeOf(join(directory, name))]));
const openIn = (directory: string) => openStore({ directory, retentionMs: hour, maxBytes: 1e8 }, start, () => {}).db;
const ownersAlone = { 'traces.db': '600', 'traces.db-shm': '600', 'traces.db-wal': '600' };

describe('nobody but the owner reads what is stored', () => {
  const usual = process.umask();
  afterEach(() => void process.umask(usual));

  it.each([0o000, 0o022, 0o077])('with a umask of %i', (mask) => {
    using home = temporaryDirectory();
    process.umask(mask);
    using _ = openIn(join(home.path, 'a/store'));
    expect(modesIn(join(home.path, 'a/store'))).toEqual(ownersAlone);
    expect(modeOf(join(home.path, 'a/store'))).toBe('700');
    expect(modeOf(join(home.path, 'a'))).toBe((0o777 & ~mask).toString(8));
  });

  it('after a run of a version that left its files open to all, ended by force', () => {
    using home = temporaryDirectory();
    const store = join(home.path, 'store');
    process.umask(0);
    mkdirSync(store);
    using earlier = new DatabaseSync(join(store, 'traces.db'));
    earlier.exec('PRAGMA journal_mode = WAL; CREATE TABLE other (a)');
    expect(modesIn(store)).toEqual({ 'traces.db': '644', 'traces.db-shm': '644', 'traces.db-wal': '644' });
    using _ = openIn(store);
    expect(modesIn(store)).toEqual(ownersAlone);
  });

  it('and a directory that was there keeps its mode: it may be a volume', () => {
    using home = temporaryDirectory();
    chmodSync(home.path, 0o755);
    using _ = openIn(home.path);
    expect(modeOf(home.path)).toBe('755');
    expect(modesIn(home.path)).toEqual(ownersAlone);
  });
});
