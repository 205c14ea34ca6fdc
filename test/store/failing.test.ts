import { execFileSync, spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import type { ExportFailure } from '../../src/model/export-request.ts';
import { openDatabase, tryWriting } from '../../src/store/database.ts';
import { traceIdHex } from '../support/spans.ts';
import { temporaryDirectory } from './fixture.ts';
import { batch, close, get, idle, open } from './open-store.ts';

const patient = { timeout: 30_000, interval: 10 };

/** A store whose health is noted, that tries again soon. */
async function watched(directory: string) {
  const health = { failing: vi.fn(), recovered: vi.fn(), setAside: vi.fn() };
  const failures: ExportFailure[] = [];
  const onFailure = (failure: ExportFailure) => failures.push(failure);
  const { store } = await open(directory, { health, onFailure }, { restartAfterMs: 20 });
  return { store, health, failures };
}

/** A file system of its own of so many bytes; gone when the test is over. */
function volume(size: string, ...options: string[]): { readonly path: string } & Disposable {
  const home = temporaryDirectory();
  execFileSync('mount', ['-t', 'tmpfs', '-o', [`size=${size}`, ...options].join(), 'tmpfs', home.path]);
  const end = () => {
    execFileSync('umount', [home.path]);
    home[Symbol.dispose]();
  };
  return { path: home.path, [Symbol.dispose]: end };
}
const mayMount = process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'true']).status === 0;

describe('a store that cannot be opened', () => {
  it('says why, fails what it is offered, and works when it can', async () => {
    using home = temporaryDirectory();
    writeFileSync(join(home.path, 'file'), '');
    const { store, health, failures } = await watched(join(home.path, 'file/store'));
    expect(store.stats.failing).toMatch(/^cannot make the directory .*file\/store: ENOTDIR[^\n]*$/);
    store.offer(batch({ trace: 'early' }, { trace: 'early' }));
    await idle(store);
    expect(store.stats.failedSpans).toEqual({ write_failed: 2 });
    expect(failures).toMatchObject([{ reason: 'write_failed', spans: 2, message: store.stats.failing }]);
    expect(await get(store, '/api/search')).toMatchObject({ status: 503, body: expect.stringContaining('ENOTDIR') });
    await vi.waitFor(() => expect(health.failing.mock.calls.length).toBeGreaterThan(2), patient);
    expect(health.recovered).not.toHaveBeenCalled();

    rmSync(join(home.path, 'file'));
    await vi.waitFor(() => expect(health.recovered).toHaveBeenCalledOnce(), patient);
    expect(store.stats.failing).toBe('');
    store.offer(batch({ trace: 'late' }));
    await idle(store);
    expect(store.stats).toMatchObject({ exportedSpans: 1, failedSpans: { write_failed: 2 } });
    await close(store);
  });

  it('ends when it is asked to, while it cannot be opened', async () => {
    using home = temporaryDirectory();
    writeFileSync(join(home.path, 'file'), '');
    const { store } = await watched(join(home.path, 'file/store'));
    await close(store);
    store.offer(batch({ trace: 't' }));
    expect(store.stats.failedSpans).toEqual({ shutdown: 1 });
  });
});

describe.skipIf(!mayMount)('on a disk', () => {
  it('that is full at the start: it works when there is room', async () => {
    using disk = volume('1m');
    writeFileSync(join(disk.path, 'fill'), Buffer.alloc(1 << 20));
    const { store, health } = await watched(join(disk.path, 'store'));
    expect(store.stats.failing).toMatch(/full|ENOSPC/);
    store.offer(batch({ trace: 'early' }));
    await idle(store);
    expect(store.stats.failedSpans).toEqual({ write_failed: 1 });
    rmSync(join(disk.path, 'fill'));
    await vi.waitFor(() => expect(health.recovered).toHaveBeenCalledOnce(), patient);
    store.offer(batch({ trace: 'late' }));
    await idle(store);
    expect(await get(store, `/api/traces/${traceIdHex('late')}`)).toMatchObject({ status: 200 });
    await close(store);
  });

  it('that a damaged store has filled: what was set aside goes', async () => {
    using disk = volume('1m');
    writeFileSync(join(disk.path, 'traces.db'), Buffer.alloc(1 << 20, 'x'));
    const { store, health } = await watched(disk.path);
    await vi.waitFor(() => expect(store.stats.failing).toBe(''), patient);
    expect(health.setAside).toHaveBeenCalledOnce();
    store.offer(batch({ trace: 'new' }));
    await idle(store);
    expect(store.stats.exportedSpans).toBe(1);
    await close(store);
  });

  it('that becomes full later: what is written fails until there is room, with nothing offered meanwhile', async () => {
    using disk = volume('3m');
    const { store, health } = await watched(disk.path);
    for (let i = 0; store.stats.failing === '' && i < 200; i++) {
      store.offer(batch({ trace: `t${i}`, padding: 50_000 }));
      await idle(store);
    }
    expect(store.stats.failing).toBe('database or disk is full');
    const { exportedSpans, failedSpans } = store.stats;
    expect(failedSpans).toEqual({ write_failed: 1 });
    expect(JSON.parse((await get(store, '/api/search?q=%7B%7D&limit=1000')).body).traces).toHaveLength(exportedSpans);
    execFileSync('mount', ['-o', 'remount,size=30m', disk.path]);
    await vi.waitFor(() => expect(health.recovered).toHaveBeenCalledOnce(), patient);
    store.offer(batch({ trace: 'late', padding: 50_000 }));
    await idle(store);
    expect(store.stats).toMatchObject({
      exportedSpans: exportedSpans + 1,
      failedSpans: { write_failed: 1 },
      failing: '',
    });
    await close(store);
  }, 60_000);

  it('that has room for a little, but not for what failed: that is no sign that it works', () => {
    using disk = volume('3m');
    const db = openDatabase(join(disk.path, 'traces.db'));
    expect(() => tryWriting(db, disk.path, 2_000_000)).toThrow('database or disk is full');
    execFileSync('mount', ['-o', 'remount,size=30m', disk.path]);
    expect(() => tryWriting(db, disk.path, 2_000_000)).not.toThrow();
    db.close();
  });

  it('that may only be read: it works when it may be written', async () => {
    using disk = volume('10m');
    const first = await watched(disk.path);
    first.store.offer(batch({ trace: 'first' }));
    await close(first.store);
    execFileSync('mount', ['-o', 'remount,ro', disk.path]);
    const { store, health } = await watched(disk.path);
    expect(store.stats.failing).toMatch(/EROFS|read-only|readonly/);
    expect(health.setAside).not.toHaveBeenCalled();
    execFileSync('mount', ['-o', 'remount,rw', disk.path]);
    await vi.waitFor(() => expect(health.recovered).toHaveBeenCalledOnce(), patient);
    expect(await get(store, `/api/traces/${traceIdHex('first')}`)).toMatchObject({ status: 200 });
    await close(store);
  });
});
