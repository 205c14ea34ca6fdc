import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { requestBytes, type Told } from '../support/spans.ts';
import { hour, start, temporaryDirectory } from './fixture.ts';
import { writeFormat1 } from './format-1.ts';
import { writeFormat2 } from './format-2.ts';
import { writeFormat3 } from './format-3.ts';
import { bodiesIn, bytesIn, mebibyte, opened } from './open-parts.ts';

/** A span whose attribute does not end where it says. */
const malformed: Told = { trace: 'malformed', unknown: Uint8Array.from([0x4a, 0x02, 0x0a, 0x05]) };

describe('bodies lie in files beside the database', () => {
  it('which go one by one as traces do, and all of them with the last', () => {
    using home = temporaryDirectory();
    using store = opened(home.path, 16 * mebibyte);
    for (let i = 0; i < 100; i++) store.keep(start + i * hour, { trace: `t${i}`, noise: 100_000 });
    const all = bodiesIn(home.path);
    expect(all.length).toBeGreaterThan(20);
    store.retain(start + 99 * hour);
    expect(store.retention.stats().traces).toBe(25);
    const left = bodiesIn(home.path);
    expect(left.length).toBeLessThan(all.length / 3);
    expect(all.slice(-left.length)).toEqual(left);
    store.retain(start + 200 * hour);
    expect(bodiesIn(home.path)).toEqual([]);
    store.keep(start + 200 * hour, { trace: 'new' });
    expect(bodiesIn(home.path)).toHaveLength(1);
  });

  it('of which the oldest goes in a few steps where there is too much', () => {
    using home = temporaryDirectory();
    using store = opened(home.path);
    const { retention } = store;
    for (let i = 0; !retention.stats().overLimit; i++)
      store.keep(start, ...Array.from({ length: 300 }, (_, n) => ({ trace: `${i} ${n}`, noise: 2800 })));
    const { traces, bytes } = retention.stats();
    let steps = 0;
    while (retention.step(start)) steps++;
    expect(steps).toBeLessThan(5);
    expect(traces - retention.stats().traces).toBeLessThan(600);
    expect(bytes - retention.stats().bytes).toBeGreaterThan(mebibyte / 2);
  });

  it.each([8, 24])('and its log, which take no more than %i MiB of the disk together', (most) => {
    using home = temporaryDirectory();
    using store = opened(home.path, most * mebibyte);
    const attributes = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`n${i}`, i]));
    for (let i = 0; i < 300; i++) {
      store.keep(start, ...Array.from({ length: 20 }, (_, n) => ({ trace: `${i} ${n}`, attributes, noise: 3000 })));
      if (store.retention.stats().overLimit) store.retain(start);
    }
    expect(bytesIn(home.path) / mebibyte).toBeLessThan(most);
  });

  it('and stay within that where rows give way to large bodies', () => {
    using home = temporaryDirectory();
    using store = opened(home.path, 24 * mebibyte);
    const keep = (...told: Told[]): void => {
      store.keep(start, ...told);
      store.retain(start);
    };
    for (let i = 0; i < 60; i++) keep(...Array.from({ length: 1500 }, (_, n) => ({ trace: `${i} ${n}` })));
    let most = 0;
    for (let i = 0; i < 60; i++) {
      keep({ trace: `large ${i}`, noise: 500_000 });
      most = Math.max(most, bytesIn(home.path));
    }
    expect(most / mebibyte).toBeLessThan(24);
  });

  it('of which nothing is left of a request that could not be stored', async () => {
    using home = temporaryDirectory();
    using store = opened(home.path, 16 * mebibyte);
    store.keep(start, { trace: 'before', name: 'before' });
    const before = store.retention.stats().bytes;
    // A span whose attribute does not end where it says, behind others that fill some files.
    const good = Array.from({ length: 12 }, (_, i) => ({ trace: `t${i}`, noise: 100_000 }));
    const bad = { trace: 'bad', unknown: Uint8Array.from([0x4a, 0x02, 0x0a, 0x05]) };
    expect(() => store.keep(start, ...good, bad)).toThrow();
    expect(store.retention.stats().bytes).toBe(before);
    expect(bodiesIn(home.path)).toHaveLength(1);
    store.keep(start, { trace: 'after', name: 'after' });
    expect((await store.found('{}')).sort()).toEqual(['after', 'before']);
  });

  it('and nothing of it counts, where it was the first', () => {
    using home = temporaryDirectory();
    using store = opened(home.path, 16 * mebibyte);
    const before = store.retention.stats().bytes;
    const bad = { trace: 'bad', unknown: Uint8Array.from([0x4a, 0x02, 0x0a, 0x05]) };
    expect(() => store.keep(start, { trace: 'good', noise: 2 * mebibyte }, bad)).toThrow();
    expect(store.retention.stats().bytes).toBe(before);
  });

  it('where one that is damaged is missing, alone', async () => {
    using home = temporaryDirectory();
    {
      using store = opened(home.path);
      for (const name of ['one', 'two', 'three']) store.keep(start, { trace: name, name, noise: 2000 });
      store.keep(start, { trace: 'two', id: 'late', name: 'late' });
    }
    const [file] = bodiesIn(home.path).map((name) => join(home.path, name));
    const bytes = readFileSync(file);
    // The blocks of the three are as long as each other, and what comes late is short.
    bytes[bytes.length >>> 1] ^= 1;
    writeFileSync(file, bytes);
    using store = opened(home.path);
    expect((await store.found('{}')).sort()).toEqual(['late', 'one', 'three']);
    expect([await store.times('two', 'two'), await store.times('two', 'late')]).toEqual([0, 1]);
    expect(existsSync(join(home.path, 'traces.db'))).toBe(true);
  });

  it('of which a crash of the machine may take the end', async () => {
    using home = temporaryDirectory();
    {
      using store = opened(home.path);
      for (const name of ['one', 'two']) store.keep(start, { trace: name, name, noise: 2000 });
    }
    truncateSync(join(home.path, bodiesIn(home.path)[0]), 3000);
    using store = opened(home.path);
    store.keep(start, { trace: 'three', name: 'three' });
    expect((await store.found('{}')).sort()).toEqual(['one', 'three']);
  });

  it('where bytes may lie that no trace has', async () => {
    using home = temporaryDirectory();
    {
      using store = opened(home.path);
      store.keep(start, { trace: 'one', name: 'one' });
    }
    appendFileSync(join(home.path, bodiesIn(home.path)[0]), 'of a request that was being stored when it was killed');
    using store = opened(home.path);
    store.keep(start, { trace: 'two', name: 'two' });
    expect((await store.found('{}')).sort()).toEqual(['one', 'two']);
  });
});

it('two processes that have the store open write beside each other', async () => {
  using home = temporaryDirectory();
  using one = opened(home.path, 16 * mebibyte);
  using other = opened(home.path, 16 * mebibyte);
  const names = Array.from({ length: 60 }, (_, i) => `t${i}`);
  for (const [i, trace] of names.entries())
    (i % 3 === 0 ? one : other).keep(start, { trace, name: trace, noise: 20_000 });
  one.keep(start, { trace: 't1', id: 'late', name: 'late', parent: 'x' });
  for (const store of [one, other]) expect((await store.found('{}')).sort()).toEqual([...names].sort());
  expect(await other.times('t1', 'late')).toBe(1);
});

describe('late spans join their trace', () => {
  it('however many came between, and after a restart', async () => {
    using home = temporaryDirectory();
    const others = (from: number): Told[] => Array.from({ length: 10_000 }, (_, i) => ({ trace: `other ${from + i}` }));
    {
      using store = opened(home.path);
      store.keep(start, { trace: 'early', name: 'early' });
      store.keep(start, ...others(0));
      store.keep(start, { trace: 'early', id: 'late', name: 'late', parent: 'x' });
      store.keep(start, ...others(10_000));
      expect(store.retention.stats().traces).toBe(20_001);
    }
    using store = opened(home.path);
    expect(await store.times('early', 'late')).toBe(1);
    store.keep(start, { trace: 'early', id: 'later', name: 'later', parent: 'x' }, { trace: 'other 9', name: 'more' });
    expect(store.retention.stats().traces).toBe(20_001);
    for (const name of ['early', 'late', 'later']) expect(await store.times('early', name)).toBe(1);
    expect(await store.times('other 9', 'more')).toBe(1);
  });

  it('where a request failed that was the first of another generation, and comes again', async () => {
    using home = temporaryDirectory();
    using store = opened(home.path);
    const traces = (from: number, to: number): Told[] =>
      Array.from({ length: to - from }, (_, i) => ({ trace: `t${from + i}`, name: `n${from + i}` }));
    store.keep(start, ...traces(0, 8185));
    expect(() => store.keep(start, ...traces(8185, 8200), malformed)).toThrow();
    expect(await store.times('t8199', 'n8199')).toBe(0);
    store.keep(start, ...traces(8185, 8200));
    expect(store.retention.stats().traces).toBe(8200);
    for (const i of [0, 8184, 8185, 8191, 8192, 8199]) expect([i, await store.times(`t${i}`, `n${i}`)]).toEqual([i, 1]);
  });

  it('and not one that was deleted, with all others, and had a higher number than there is', async () => {
    using home = temporaryDirectory();
    using store = opened(home.path);
    store.keep(start, ...Array.from({ length: 9000 }, (_, i) => ({ trace: `t${i}`, name: `n${i}` })));
    store.retain(start + 25 * hour);
    expect(await store.times('t8999', 'n8999')).toBe(0);
    store.keep(
      start + 25 * hour,
      { trace: 't8999', id: 'late', name: 'late' },
      { trace: 't1', id: 'late', name: 'late' },
    );
    expect([await store.times('t8999', 'late'), await store.times('t1', 'late')]).toEqual([1, 1]);
    expect(store.retention.stats().traces).toBe(2);
  });

  it('and are stored once, where the same batch is offered again', async () => {
    using home = temporaryDirectory();
    using store = opened(home.path);
    const first = requestBytes({ trace: 't', id: 'a', name: 'first' }, { trace: 'u', name: 'u' });
    const second = requestBytes({ trace: 't', id: 'b', name: 'second' });
    for (const batch of [first, second, first, second]) store.appender.append(batch, start);
    const { parts } = store.db.prepare('SELECT count(*) AS parts FROM part').get()!;
    expect(parts).toBe(1);
  });
});

describe.each([
  ['1', (directory: string, told: readonly Told[]) => writeFormat1(join(directory, 'traces.db'), told, start), 0],
  ['2', (directory: string, told: readonly Told[]) => writeFormat2(directory, told, start), 1],
  ['3', (directory: string, told: readonly Told[]) => writeFormat3(directory, told, start), 1],
])('a store of format %s', (_, write, files) => {
  const told = Array.from({ length: 50 }, (_, i) => ({ trace: `old ${i}`, name: `old ${i}`, attributes: { n: i } }));

  it('is read and added to, and its traces go first', async () => {
    using home = temporaryDirectory();
    write(home.path, told);
    using store = opened(home.path);
    expect(bodiesIn(home.path)).toHaveLength(files);
    expect(await store.found('{}')).toHaveLength(50);
    expect(await store.found('{ span.n = 7 }')).toEqual(['old 7']);
    store.keep(start + hour, { trace: 'old 7', id: 'late', name: 'late', parent: 'x' });
    store.keep(start + hour, { trace: 'new', name: 'new' });
    expect(store.retention.stats().traces).toBe(51);
    expect([await store.times('old 7', 'old 7'), await store.times('old 7', 'late')]).toEqual([1, 1]);
    expect(await store.times('new', 'new')).toBe(1);
    store.retain(start + hour);
    expect(bodiesIn(home.path)).toHaveLength(1);
    store.retain(start + 24 * hour + 1);
    expect(await store.found('{}')).toEqual(['new']);
    store.keep(start + 25 * hour, { trace: 'new', id: 'late', name: 'late', parent: 'x' });
    expect(await store.times('new', 'late')).toBe(1);
  });

  it('and is so still after another restart', async () => {
    using home = temporaryDirectory();
    write(home.path, told);
    opened(home.path).close();
    using store = opened(home.path);
    store.keep(start, { trace: 'old 7', id: 'late', name: 'late', parent: 'x' });
    expect(await store.times('old 7', 'late')).toBe(1);
    expect(store.retention.stats().traces).toBe(50);
  });

  it('and stores nothing twice that is offered again', async () => {
    using home = temporaryDirectory();
    const again = { trace: 'old', id: 'a', name: 'old', startMs: start };
    write(home.path, [again]);
    using store = opened(home.path);
    store.keep(start, again);
    expect(store.db.prepare('SELECT count(*) AS parts FROM part').get()).toEqual({ parts: files === 0 ? 1 : 0 });
  });
});

it('an older version that has the store open when this one opens it writes no more, rather than under numbers of others', async () => {
  using home = temporaryDirectory();
  writeFormat3(home.path, [{ trace: 'old', name: 'old' }], start);
  using older = new DatabaseSync(join(home.path, 'traces.db'));
  const insert = older.prepare("INSERT INTO trace VALUES (?, ?, 0, 0, 0, x'', NULL)");
  insert.run(2, Buffer.alloc(20, 1));
  using store = opened(home.path);
  store.keep(start, { trace: 'new', name: 'new' });
  expect(() => insert.run(3, Buffer.alloc(20, 2))).toThrow('no such table');
  expect(await store.times('new', 'new')).toBe(1);
});

it('a store of format 3 of several generations has them beside those to come, until they are too old', async () => {
  using home = temporaryDirectory();
  const traces = (from: number, to: number): Told[] =>
    Array.from({ length: to - from }, (_, i) => ({ trace: `t${from + i}`, name: `n${from + i}` }));
  const some = [0, 8000, 8190, 8191, 16_000, 16_999, 17_000, 17_001, 24_600, 29_999];
  const late = (i: number): Told => ({ trace: `t${i}`, id: 'late', name: 'late', parent: 'x' });
  const times = async (): Promise<number[]> => {
    using store = opened(home.path);
    const each = some.map(async (i) => [await store.times(`t${i}`, `n${i}`), await store.times(`t${i}`, 'late')]);
    return (await Promise.all(each)).map(([own, late]) => own * late);
  };
  writeFormat3(home.path, traces(0, 17_000), start);
  {
    using store = opened(home.path);
    store.keep(start + hour, ...traces(17_000, 25_000), ...some.slice(0, 5).map(late));
  }
  {
    using store = opened(home.path);
    store.keep(start + hour, ...traces(25_000, 30_000), ...some.slice(5).map(late));
    expect(store.retention.stats().traces).toBe(30_000);
  }
  expect(await times()).toEqual(some.map(() => 1));
  {
    using store = opened(home.path);
    store.retain(start + 24 * hour + 1);
    expect(store.retention.stats().traces).toBe(13_000);
  }
  expect(await times()).toEqual(some.map((i) => (i < 17_000 ? 0 : 1)));
});

it('a store that is killed again and again has every trace whole that it said it had', async () => {
  using home = temporaryDirectory();
  const file = join(home.path, 'traces.db');
  const script = fileURLToPath(new URL('./writes-until-killed.ts', import.meta.url));
  let stored = 0;
  for (const rows of [3, 17, 40]) {
    const args = ['--disable-warning=ExperimentalWarning', script, file, String(stored + 1)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let left = rows;
    for await (const line of createInterface(child.stdout)) {
      stored = Number(line);
      if (--left === 0) child.kill('SIGKILL');
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    using store = opened(home.path);
    for (let i = 1; i <= stored; i++) expect([i, await store.times(`t${i}`, `n${i}`)]).toEqual([i, 2]);
    for (let i = 1; i < stored; i++) expect([i, await store.times(`t${i}`, 'work')]).toEqual([i, 1]);
    expect(store.retention.stats().traces).toBeLessThanOrEqual(stored + 2);
  }
}, 60_000);
