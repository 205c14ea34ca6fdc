import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, vi } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { traceIdHex } from '../support/spans.ts';
import { hour, temporaryDirectory } from './fixture.ts';
import { batch, close, get, idle, open } from './open-store.ts';

const names = Array.from({ length: 60 }, (_, i) => `t${i}`);
const search = '/api/search?q=%7B%7D&limit=1000';
/** So many that each of sixty traces has a row of its own for its digest, and all take several pages. */
const attributes = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`n${i}`, i]));

/** A store of sixty traces, closed: its file. */
async function filled(directory: string): Promise<string> {
  const { store } = await open(directory);
  for (const name of names) store.offer(batch({ trace: name, padding: 3000, attributes }));
  await close(store);
  expect(store.stats.exportedSpans).toBe(60);
  return join(directory, 'traces.db');
}

function overwrite(file: string, from: number, to: number): void {
  const bytes = readFileSync(file);
  bytes.fill(0xff, from, Math.min(to, bytes.length));
  writeFileSync(file, bytes);
}

const ids = async (store: Store): Promise<string[]> =>
  JSON.parse((await get(store, search)).body).traces.map(({ traceID }: { traceID: string }) =>
    traceID.padStart(32, '0'),
  );

async function keeps(store: Store, trace: string): Promise<void> {
  store.offer(batch({ trace }));
  await idle(store);
  expect(await get(store, `/api/traces/${traceIdHex(trace)}`)).toMatchObject({ status: 200 });
}

const asides = (directory: string): string[] =>
  readdirSync(directory).filter((name) => name.includes('.aside-') && !name.includes('-bodies-'));

const spoilt: [string, string, (directory: string) => unknown][] = [
  ['text', 'file is not a database', (d) => writeFileSync(join(d, 'traces.db'), 'no database, but long '.repeat(1000))],
  ['a damaged header', 'not a database', async (d) => overwrite(await filled(d), 0, 64)],
  ['damage everywhere', 'malformed', async (d) => overwrite(await filled(d), 4096, Number.MAX_SAFE_INTEGER)],
  [
    'only its beginning',
    'malformed',
    async (d) => writeFileSync(await filled(d), readFileSync(join(d, 'traces.db')).subarray(0, 50_000)),
  ],
  ['a missing table', 'no such table', async (d) => new DatabaseSync(await filled(d)).exec('DROP TABLE part')],
  [
    'a missing column',
    'no column named stored_ms',
    async (d) => new DatabaseSync(await filled(d)).exec('ALTER TABLE trace_row DROP COLUMN stored_ms'),
  ],
  [
    'a later format',
    'it has format 99',
    async (d) => new DatabaseSync(await filled(d)).exec('PRAGMA user_version = 99'),
  ],
  ['a directory', 'traces.db is no file', (d) => mkdirSync(join(d, 'traces.db/inside'), { recursive: true })],
  ['a directory for its log', 'traces.db-wal is no file', async (d) => mkdirSync(`${await filled(d)}-wal`)],
];

describe('what cannot be used is set aside at the start, and an empty store has its place:', () => {
  it.each(spoilt)('%s', async (_, why, spoil) => {
    using home = temporaryDirectory();
    await spoil(home.path);
    const setAside = vi.fn();
    const failing = vi.fn();
    const { store } = await open(home.path, { health: { failing, recovered: () => {}, setAside } });
    expect(setAside.mock.calls).toEqual([[expect.stringContaining(why)]]);
    expect(setAside.mock.calls[0][0]).toContain(asides(home.path)[0]);
    expect(store.stats).toMatchObject({ failing: '', setAside: 1 });
    expect(failing).not.toHaveBeenCalled();
    await keeps(store, 'new');
    expect(await ids(store)).toEqual([traceIdHex('new')]);
    await close(store);
    const again = await open(home.path);
    expect(await ids(again.store)).toEqual([traceIdHex('new')]);
    await close(again.store);
  });

  it('a log that is damaged, as SQLite itself leaves it out', async () => {
    using home = temporaryDirectory();
    writeFileSync(`${await filled(home.path)}-wal`, Buffer.alloc(100_000, 'x'));
    const { store } = await open(home.path);
    expect((await ids(store)).sort()).toEqual(names.map(traceIdHex).sort());
    await keeps(store, 'new');
    await close(store);
    expect(asides(home.path)).toEqual([]);
  });

  it('with its content, which may be read yet', async () => {
    using home = temporaryDirectory();
    const before = readFileSync(await filled(home.path));
    before.fill(0, 0, 16);
    writeFileSync(join(home.path, 'traces.db'), before);
    const { store } = await open(home.path);
    await close(store);
    expect(readFileSync(join(home.path, asides(home.path)[0])).equals(before)).toBe(true);
  });
});

describe('a page that is damaged in the middle is found later', () => {
  /** The leaves of the table of traces but for the first and the last, which are read at the start (sqlite.org/dbstat.html). */
  function spoilMiddle(file: string): void {
    const db = new DatabaseSync(file);
    const leaves = db.prepare(
      "SELECT pgoffset AS at, pgsize AS n FROM dbstat WHERE name = 'trace_row' AND pagetype = 'leaf' ORDER BY path",
    );
    const pages = leaves.all();
    db.close();
    expect(pages.length).toBeGreaterThan(2);
    for (const { at, n } of pages.slice(1, -1)) overwrite(file, Number(at), Number(at) + Number(n));
  }

  it('by a search: it is answered from an empty store', async () => {
    using home = temporaryDirectory();
    spoilMiddle(await filled(home.path));
    const setAside = vi.fn();
    const { store } = await open(home.path, { health: { failing: () => {}, recovered: () => {}, setAside } });
    expect(setAside).not.toHaveBeenCalled();
    expect(await ids(store)).toEqual([]);
    expect(setAside).toHaveBeenCalledOnce();
    await keeps(store, 'new');
    await close(store);
    expect(asides(home.path)).toHaveLength(1);
  });

  it('by a write: what was offered is stored', async () => {
    using home = temporaryDirectory();
    spoilMiddle(await filled(home.path));
    const { store } = await open(home.path);
    // Late spans: what is there of their traces is looked at.
    for (const name of names) store.offer(batch({ trace: name, id: 'later', padding: 10 }));
    await idle(store);
    expect(store.stats).toMatchObject({ exportedSpans: 60, failedSpans: {}, setAside: 1, failing: '' });
    expect((await ids(store)).length).toBeGreaterThan(0);
    await close(store);
  });

  it('while several search: they are told to come again, or that there is nothing', async () => {
    using home = temporaryDirectory();
    spoilMiddle(await filled(home.path));
    const { store } = await open(home.path);
    const answers = await Promise.all(Array.from({ length: 5 }, () => get(store, search)));
    for (const { status, body } of answers) expect([200, 503], body).toContain(status);
    expect(store.stats.setAside).toBe(1);
    await keeps(store, 'new');
    await close(store);
  });
});

describe('of what was set aside', () => {
  it('the newest two are kept, for as long as traces are', async () => {
    using home = temporaryDirectory();
    const kept: string[][] = [];
    for (let i = 0; i < 4; i++) {
      writeFileSync(join(home.path, 'traces.db'), `no database ${i}`.repeat(500));
      const { store } = await open(home.path);
      await close(store);
      kept.push(asides(home.path));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    expect(kept.map(({ length }) => length)).toEqual([1, 2, 2, 2]);
    expect(kept[3].map((name) => readFileSync(join(home.path, name), 'utf8').slice(0, 13))).toEqual([
      'no database 2',
      'no database 3',
    ]);
    const { store, clock } = await open(home.path);
    clock.now = Date.now() + 23 * hour;
    await store.retain();
    expect(asides(home.path)).toHaveLength(2);
    clock.now = Date.now() + 24 * hour + 1;
    await store.retain();
    expect(asides(home.path)).toEqual([]);
    await close(store);
  });

  it('no more bytes than the store may have are kept', async () => {
    using home = temporaryDirectory();
    for (let i = 0; i < 2; i++) {
      writeFileSync(join(home.path, 'traces.db'), 'x'.repeat(10_000_000));
      const { store } = await open(home.path, { maxBytes: 16_000_000 });
      await close(store);
      expect(asides(home.path)).toHaveLength(1);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  });

  it('a directory is never deleted', async () => {
    using home = temporaryDirectory();
    mkdirSync(join(home.path, 'traces.db/somebody'), { recursive: true });
    const { store, clock } = await open(home.path);
    clock.now = Date.now() + 1000 * hour;
    await store.retain();
    await close(store);
    expect(existsSync(join(home.path, asides(home.path)[0], 'somebody'))).toBe(true);
  });
});
