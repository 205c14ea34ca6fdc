import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import type { ExportFailure } from '../../src/model/export-request.ts';
import type { Machinery } from '../../src/store/steady-thread.ts';
import { createStore } from '../../src/store/store.ts';
import { type StoreThread, WorkerDied, WriterThread } from '../../src/store/writer-thread.ts';
import { requestBytes, traceIdHex } from '../support/spans.ts';
import { type FoundTrace, hour, start, temporaryDirectory } from './fixture.ts';
import { batch, close, get, idle, limits, open } from './open-store.ts';

describe('the store as an exporter', () => {
  it('keeps its books: queued until it is on disk, then exported', async () => {
    using directory = temporaryDirectory();
    const { store } = await open(join(directory.path, 'a/b'));
    store.offer(batch({ trace: 't' }, { trace: 'u' }));
    expect(store.stats).toMatchObject({ queuedSpans: 2, exportedSpans: 0, lastSuccessAt: 0 });
    await idle(store);
    expect(store.stats).toMatchObject({
      queuedSpans: 0,
      queuedBytes: 0,
      exportedSpans: 2,
      exportedRequests: 1,
      lastSuccessAt: start,
    });
    expect(store.storage).toMatchObject({ traces: 2, oldestAt: start });
    expect(await get(store, `/api/traces/${traceIdHex('t')}`)).toMatchObject({ status: 200 });
    await close(store);
  });

  it('leaves the request to other exporters untouched', async () => {
    using directory = temporaryDirectory();
    const { store } = await open(directory.path);
    const shared = new Uint8Array(1000).fill(9);
    const body = requestBytes({ trace: 't' });
    shared.set(body, 100);
    let done = 0;
    store.offer({ body: shared.subarray(100, 100 + body.length), spans: 1, traces: 1 }, () => done++);
    expect(done).toBe(0);
    await idle(store);
    expect(shared.length).toBe(1000);
    expect(store.stats.exportedSpans).toBe(1);
    expect(done).toBe(1);
    await close(store);
  });

  it('takes what fits into its queue to the byte, and counts the rest', async () => {
    using directory = temporaryDirectory();
    const one = batch({ trace: 't', id: 'a' });
    const { store } = await open(directory.path, { queueBytes: 2 * one.body.length });
    for (let i = 0; i < 3; i++) store.offer(one);
    expect(store.stats).toMatchObject({ queuedSpans: 2, failedSpans: { queue_full: 1 } });
    await idle(store);
    expect(store.stats).toMatchObject({ exportedSpans: 2 });
    await close(store);
  });

  it('stores a large resource with so many traces as 64 MiB hold, and says what became of the others', async () => {
    using directory = temporaryDirectory();
    const failures: ExportFailure[] = [];
    const { store } = await open(directory.path, { maxBytes: 1 << 30, onFailure: (failure) => failures.push(failure) });
    const resource = { environment: 'x'.repeat(1_000_000) };
    const one = batch(...Array.from({ length: 100 }, (_, i) => ({ trace: `t${i}`, id: `${i}`, resource })));
    expect(one.body.length).toBeLessThan(1_100_000);
    store.offer(one);
    await idle(store);
    const { traces } = store.storage;
    expect(traces).toBe(67);
    expect(store.stats).toMatchObject({ exportedSpans: traces, failedSpans: { too_large: 100 - traces }, failing: '' });
    expect(failures).toMatchObject([
      { reason: 'too_large', spans: 100 - traces, message: expect.stringContaining('a resource so large') },
    ]);
    await close(store);
  });

  it('counts a batch that is no protobuf as rejected and goes on', async () => {
    using directory = temporaryDirectory();
    const { store } = await open(directory.path);
    store.offer({ body: Uint8Array.from([0x0a, 0x05, 1]), spans: 3, traces: 1 });
    store.offer(batch({ trace: 't' }));
    await idle(store);
    expect(store.stats).toMatchObject({ failedSpans: { rejected: 3 }, exportedSpans: 1, lastErrorAt: start });
    expect(store.stats.lastError).toContain('malformed protobuf');
    await close(store);
  });

  it('writes everything that waits before it closes, and counts what comes after', async () => {
    using directory = temporaryDirectory();
    const { store } = await open(directory.path);
    for (let i = 0; i < 50; i++) store.offer(batch({ trace: `t${i}` }));
    await close(store);
    expect(store.stats).toMatchObject({ exportedSpans: 50, queuedSpans: 0, failedSpans: {} });
    store.offer(batch({ trace: 'late' }));
    expect(store.stats.failedSpans).toEqual({ shutdown: 1 });
    expect(await get(store, '/api/search')).toMatchObject({ status: 503 });
    expect(readdirSync(directory.path)).toEqual(['traces.db', 'traces.db-bodies-000001']);
  });

  it('counts what it could not write before the deadline', async () => {
    using directory = temporaryDirectory();
    const { store } = await open(directory.path);
    for (let i = 0; i < 50; i++) store.offer(batch({ trace: `t${i}` }));
    await store.drain(0);
    const { exportedSpans, failedSpans, queuedSpans, queuedBytes } = store.stats;
    expect(exportedSpans + (failedSpans.shutdown ?? 0)).toBe(50);
    expect({ queuedSpans, queuedBytes }).toEqual({ queuedSpans: 0, queuedBytes: 0 });
  });

  it('has everything again after a restart', async () => {
    using directory = temporaryDirectory();
    const first = await open(directory.path);
    first.store.offer(batch({ trace: 't', name: 'kept', service: 'web', attributes: { user: 'ada' } }));
    await close(first.store);
    const { store } = await open(directory.path);
    expect(store.storage.traces).toBe(1);
    const found = await get(store, `/api/search?q=${encodeURIComponent('{ span.user = "ada" }')}`);
    expect(JSON.parse(found.body).traces).toMatchObject([{ rootTraceName: 'kept' }]);
    expect((await get(store, '/api/v2/search/tag/span.user/values')).body).toContain('ada');
    await close(store);
  });

  it('lets traces go by age, and by bytes right after the write', async () => {
    using directory = temporaryDirectory();
    const { store, clock } = await open(directory.path, { maxBytes: 2 * 1024 * 1024 });
    store.offer(batch({ trace: 'old' }));
    await idle(store);
    clock.now += 24 * hour + 1;
    store.offer(batch({ trace: 'young' }));
    await store.retain();
    expect(store.storage).toMatchObject({ traces: 1, oldestAt: clock.now });
    for (let i = 0; i < 100; i++) store.offer(batch({ trace: `t${i}`, padding: 50_000 }));
    await idle(store);
    await store.retain();
    expect(store.storage.bytes).toBeLessThan(2 * 1024 * 1024);
    expect(store.storage.traces).toBeGreaterThan(20);
    await close(store);
  });

  it('answers while it writes', async () => {
    using directory = temporaryDirectory();
    const { store } = await open(directory.path);
    for (let i = 0; i < 200; i++) store.offer(batch({ trace: `t${i}`, padding: 10_000 }));
    expect(await get(store, '/api/search?limit=5')).toMatchObject({ status: 200 });
    await close(store);
    expect(store.stats.exportedSpans).toBe(200);
  });
});

describe('when the worker dies', () => {
  it('it is started again, and nothing that was offered is lost or stored twice', async () => {
    using directory = temporaryDirectory();
    const threads: StoreThread[] = [];
    const startThread: Machinery['startThread'] = async (...asked) => {
      const started = await WriterThread.start(...asked);
      threads.push(started.thread);
      return started;
    };
    const options = { ...limits, directory: directory.path, now: () => start };
    const store = await createStore(options, { startThread, restartAfterMs: 1 });
    for (let i = 0; i < 100; i++) store.offer(batch({ trace: `t${i}`, id: `${i}`, padding: 20_000 }));
    while (store.stats.exportedSpans < 10) await new Promise((resolve) => setImmediate(resolve));
    await threads[0].kill();
    await idle(store);
    expect(threads).toHaveLength(2);
    expect(store.stats).toMatchObject({ exportedSpans: 100, failedSpans: {}, retries: 1 });
    const { traces } = JSON.parse((await get(store, '/api/search?q=%7B%7D&limit=1000')).body);
    expect(traces).toHaveLength(100);
    expect(traces.every((trace: FoundTrace) => trace.spanSets![0].matched === 1)).toBe(true);
    await close(store);
  });

  it('a request that kills it twice is given up, and questions are told to come again', async () => {
    let end = (_: string): void => {};
    const startThread: Machinery['startThread'] = async () => {
      const ended = new Promise<string>((resolve) => (end = resolve));
      const die = () => {
        end('out of memory');
        return Promise.reject(new WorkerDied('out of memory'));
      };
      const storage = { bytes: 0, limitBytes: 0, traces: 0, oldestAt: 0, overLimit: false };
      const question = () => ({ outcome: die(), abandon: () => {} });
      return { thread: { ended, ask: die, question, kill: async () => end('killed') }, storage };
    };
    const failures: ExportFailure[] = [];
    const onFailure = (failure: ExportFailure) => failures.push(failure);
    const options = { ...limits, directory: 'none', now: () => start, onFailure };
    const store = await createStore(options, { startThread, restartAfterMs: 1 });
    store.offer(batch({ trace: 't' }));
    await idle(store);
    expect(store.stats).toMatchObject({ failedSpans: { write_failed: 1 }, lastError: 'out of memory' });
    expect(failures).toEqual([{ reason: 'write_failed', spans: 1, message: 'out of memory', services: [] }]);
    expect(await get(store, '/api/search')).toEqual({
      status: 503,
      body: 'the store cannot answer now: out of memory',
    });
    await close(store);
  });
});

describe('what the store gives up it tells', () => {
  it.each([
    ['what is not OTLP', {}, { body: Buffer.from('nonsense'), spans: 3, traces: 1 }, 'rejected', /\S/],
    ['what its queue has no room for', { queueBytes: 1 }, batch({ trace: 't' }), 'queue_full', /0 of 1 bytes wait/],
  ] as const)('%s', async (_, options, request, reason, message) => {
    using directory = temporaryDirectory();
    const failures: ExportFailure[] = [];
    const { store } = await open(directory.path, { ...options, onFailure: (failure) => failures.push(failure) });
    store.offer(request);
    await idle(store);
    const failure = { reason, spans: request.spans, services: [], message: expect.stringMatching(message) };
    expect(failures).toEqual([failure]);
    expect(store.stats.lastError).toBe(failures[0].message);
    await close(store);
  });

  it('what cannot be written', async () => {
    using directory = temporaryDirectory();
    const failures: ExportFailure[] = [];
    const { store } = await open(directory.path, { onFailure: (failure) => failures.push(failure) });
    // Somebody else holds the database's lock for longer than the store waits.
    using other = new DatabaseSync(join(directory.path, 'traces.db'));
    other.exec('BEGIN IMMEDIATE');
    store.offer(batch({ trace: 't' }, { trace: 'u' }));
    await idle(store);
    const failure = { reason: 'write_failed', spans: 2, services: [], message: 'database is locked' };
    expect(failures).toEqual([failure]);
    other.exec('ROLLBACK');
    await close(store);
  }, 30_000);

  it('what it is offered when it is closed', async () => {
    using directory = temporaryDirectory();
    const failures: ExportFailure[] = [];
    const { store } = await open(directory.path, { onFailure: (failure) => failures.push(failure) });
    await close(store);
    store.offer(batch({ trace: 't' }));
    expect(failures).toMatchObject([
      { reason: 'shutdown', spans: 1, message: 'offered after the store was shut down' },
    ]);
  });
});
