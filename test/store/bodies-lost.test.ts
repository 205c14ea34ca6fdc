import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { BodyFiles } from '../../src/store/body-files.ts';
import { endsOfRows } from '../../src/store/body-place.ts';
import { openDatabase } from '../../src/store/database.ts';
import { type Told, traceIdHex } from '../support/spans.ts';
import { hour, start, temporaryDirectory } from './fixture.ts';
import { bodiesIn, mebibyte, opened } from './open-parts.ts';

const small = 16 * mebibyte;
/** So long that four of them fill a file of bodies. */
const noise = 100_000;
/** A span whose attribute does not end where it says: the request is refused when what stands before is stored. */
const malformed: Told = { trace: 'malformed', unknown: Uint8Array.from([0x4a, 0x02, 0x0a, 0x05]) };

/** Somebody else does this while a request is being stored. */
function afterEachTrace(db: DatabaseSync, meanwhile: () => void): void {
  db.function('meanwhile', () => {
    meanwhile();
    return null;
  });
  db.exec('CREATE TEMP TRIGGER stored AFTER INSERT ON main.block BEGIN SELECT meanwhile(); END');
}

/** A store with a trace an hour, closed, of whose files these are gone: a crash of the machine, a copy without them. */
function withoutFiles(directory: string, traces: number, isGone: (at: number, files: number) => boolean): void {
  {
    using store = opened(directory, small);
    for (let i = 0; i < traces; i++) store.keep(start + i * hour, { trace: `t${i}`, name: `t${i}`, noise });
  }
  const files = bodiesIn(directory);
  for (const [at, name] of files.entries()) if (isGone(at, files.length)) rmSync(join(directory, name));
}

describe('where files are gone that rows refer to, what comes then is never taken for theirs', () => {
  it.each<[string, (at: number, files: number) => boolean]>([
    ['the last one', (at, files) => at === files - 1],
    ['the last two', (at, files) => at >= files - 2],
    ['all of them', () => true],
  ])('%s', async (_, isGone) => {
    using home = temporaryDirectory();
    withoutFiles(home.path, 12, isGone);
    using store = opened(home.path, small);
    store.keep(start + 12 * hour, { trace: 'new', name: 'new' });
    for (let i = 0; i < 12; i++) store.keep(start + 12 * hour, { trace: `newer ${i}`, name: 'newer', noise });
    for (let at = start + 24 * hour; at < start + 36 * hour; at += hour) {
      store.retain(at);
      expect([at, await store.times('new', 'new')]).toEqual([at, 1]);
    }
    store.retain(start + 36 * hour + 1);
    expect(bodiesIn(home.path)).toEqual([]);
  });

  it.each([
    ['behind what is left', 100_000, 1, ['new', 't0']],
    ['in another file, where the last block is gone as a whole', 70_000, 2, ['new']],
  ])('nor where only the end of one is: %s', async (_, bytesLeft, files, found) => {
    using home = temporaryDirectory();
    withoutFiles(home.path, 2, () => false);
    const [file] = bodiesIn(home.path);
    truncateSync(join(home.path, file), bytesLeft);
    using store = opened(home.path, small);
    store.keep(start + 12 * hour, { trace: 'new', name: 'new', noise });
    expect(bodiesIn(home.path)).toHaveLength(files);
    expect((await store.found('{}')).sort()).toEqual(found);
  });
});

it('files of other names are left alone', async () => {
  using home = temporaryDirectory();
  const others = ['traces.db-bodies-7', 'traces.db-bodies-99999999999', 'traces.db-bodies-4294967295'];
  for (const name of others) writeFileSync(join(home.path, name), 'x'.repeat(2 * mebibyte));
  using store = opened(home.path, small);
  store.keep(start, { trace: 'one', name: 'one' });
  store.keep(start, { trace: 'two', name: 'two', noise });
  expect((await store.found('{}')).sort()).toEqual(['one', 'two']);
  expect(store.retention.stats().bytes).toBeLessThan(mebibyte);
  store.retain(start + 100 * hour);
  expect(bodiesIn(home.path).sort()).toEqual(others.sort());
});

it('a file that cannot be deleted when a request fails leaves the next ones alone', async () => {
  using home = temporaryDirectory();
  using store = opened(home.path, small);
  store.keep(start, { trace: 'before', name: 'before' });
  // Somebody puts a directory in the place of a file while the request is stored.
  const swap = (): void => {
    const file = join(home.path, bodiesIn(home.path).at(-1)!);
    if (!file.endsWith('000003')) return;
    rmSync(file, { recursive: true });
    mkdirSync(file);
  };
  const good = Array.from({ length: 12 }, (_, i) => ({ trace: `t${i}`, noise: 300_000 }));
  afterEachTrace(store.db, swap);
  expect(() => store.keep(start, ...good, malformed)).toThrow();
  expect(store.db.isTransaction).toBe(false);
});

describe('a body that is damaged is said to be', () => {
  async function damaged(directory: string) {
    {
      using store = opened(directory);
      for (const name of ['one', 'two']) store.keep(start, { trace: name, name });
      store.keep(start, { trace: 'two', id: 'late', name: 'late', parent: 'x' });
    }
    const file = join(directory, bodiesIn(directory)[0]);
    const bytes = readFileSync(file);
    for (const name of ['one', 'two']) {
      expect(bytes.includes(name)).toBe(true);
      bytes[bytes.indexOf(name)] ^= 1;
    }
    writeFileSync(file, bytes);
    return opened(directory);
  }
  const asked = (trace: string, version = '') => `/api/${version}traces/${traceIdHex(trace)}`;

  it('where the rest of its trace is shown', async () => {
    using home = temporaryDirectory();
    using store = await damaged(home.path);
    expect(JSON.parse((await store.ask(asked('two', 'v2/'))).body)).toMatchObject({
      status: 'PARTIAL',
      message: expect.stringContaining('damaged'),
    });
    expect((await store.ask(asked('two'))).body).toContain('"late"');
  });

  it('where there is no rest', async () => {
    using home = temporaryDirectory();
    using store = await damaged(home.path);
    expect(await store.ask(asked('one'))).toMatchObject({ status: 404, body: expect.stringContaining('damaged') });
    expect(JSON.parse((await store.ask(asked('one', 'v2/'))).body)).toMatchObject({ trace: {}, status: 'PARTIAL' });
  });
});

it('what cannot be read where a body lies hurts no other trace, nor those who write', async () => {
  using home = temporaryDirectory();
  using store = opened(home.path, small);
  const old = { trace: 'old', id: 'a', name: 'old' };
  store.keep(start, old);
  store.keep(start, { trace: 'long', noise: 400_000 });
  store.keep(start, { trace: 'next', name: 'next' });
  const [file] = bodiesIn(home.path);
  rmSync(join(home.path, file));
  // As a sector that is worn out (EIO), a directory can be opened and not read.
  mkdirSync(join(home.path, file));
  store.keep(start, old, { trace: 'new', name: 'new' });
  expect((await store.found('{}')).sort()).toEqual(['new', 'next', 'old']);
});

describe('another process that has the store open', () => {
  it('deletes no file that a request is written to', async () => {
    using home = temporaryDirectory();
    using one = opened(home.path);
    using other = opened(home.path);
    for (const store of [one, other]) store.keep(start, { trace: 'old' });
    other.db.exec('PRAGMA busy_timeout = 0');
    other.db.exec('DELETE FROM block');
    const retain = (): void => expect(() => other.retain(start + hour)).toThrow('locked');
    afterEachTrace(one.db, retain);
    one.keep(start + hour, { trace: 'new', name: 'new' });
    other.retain(start + hour);
    for (const store of [one, other]) expect(await store.times('new', 'new')).toBe(1);
  });

  it('may begin anew, and what it writes is read', async () => {
    using home = temporaryDirectory();
    using one = opened(home.path);
    one.keep(start, { trace: 'old', name: 'old' });
    expect(await one.times('old', 'old')).toBe(1);
    {
      using other = opened(home.path);
      other.retain(start + 25 * hour);
    }
    using other = opened(home.path);
    other.keep(start + 25 * hour, { trace: 'new', name: 'new' });
    expect(await one.times('new', 'new')).toBe(1);
    one.keep(start + 25 * hour, { trace: 'newer', name: 'newer' });
    for (const store of [one, other]) expect((await store.found('{}')).sort()).toEqual(['new', 'newer']);
  });
});

it('a request that fails before it knows what another process stored takes nothing of that away', async () => {
  using home = temporaryDirectory();
  using one = opened(home.path, small);
  let isUnreadable = false;
  using db = openDatabase(join(home.path, 'traces.db'));
  const bodies = new BodyFiles(join(home.path, 'traces.db'), small, () => {
    if (isUnreadable) throw new Error('disk I/O error');
    return endsOfRows(db)();
  });
  for (let i = 0; i < 12; i++) one.keep(start, { trace: `t${i}`, name: `t${i}`, noise });
  isUnreadable = true;
  expect(() => bodies.begin()).toThrow('disk I/O error');
  bodies.undo();
  bodies.close();
  expect(await one.found('{}')).toHaveLength(12);
});

it('a store that is opened, written, read and closed leaves no descriptor open', async () => {
  using home = temporaryDirectory();
  const open = (): number => readdirSync('/proc/self/fd').length;
  const before = open();
  for (let i = 0; i < 20; i++) {
    using store = opened(home.path, small);
    store.keep(start, { trace: `t${i}`, noise }, { trace: `u${i}`, noise });
    expect(() => store.keep(start, { trace: `v${i}`, noise }, malformed)).toThrow();
    await store.found('{}');
    store.retain(start);
  }
  expect(open()).toBeLessThanOrEqual(before);
});
