import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { createTempoApi } from '../../src/store/tempo-api.ts';
import { decodeRequest, spansIn } from '../support/otlp.ts';
import { idOf, type Told, traceIdHex } from '../support/spans.ts';
import { hour, start, temporaryDirectory } from './fixture.ts';
import { batch, close, idle, open } from './open-store.ts';

const tenants = [
  { name: 'org-1', share: 0.5 },
  { name: "org-2.*'()", share: 0.5 },
] as const;
const names = tenants.map(({ name }) => name);
const [a, b] = names;

const offer = (store: Store, tenant: string, ...spans: Told[]): void => store.offer({ ...batch(...spans), tenant });

async function ask(store: Store, tenant: string | undefined, path: string, accept?: string) {
  const url = new URL(path, 'http://any');
  const answer = await createTempoApi(store.read).handle('GET', url, accept, undefined, tenant);
  return { status: answer!.status, body: Buffer.from(answer!.body) };
}

const json = async (store: Store, tenant: string, path: string) =>
  JSON.parse((await ask(store, tenant, path)).body.toString());

/** Traces and spans of the same ids; services, names and attributes say whose they are. */
const told = (tenant: string, n: number): Told => ({
  trace: `t${n}`,
  id: `s${n}`,
  service: `service-${tenant}`,
  name: `name-${tenant}`,
  attributes: { [`key-${names.indexOf(tenant as never)}`]: 'x', shared: `value-${tenant}` },
});

describe('two tenants with the same trace ids', () => {
  it('find their own, whatever they ask, and nothing of the other', async () => {
    using directory = temporaryDirectory();
    const { store } = await open(directory.path, { tenants });
    for (let n = 0; n < 20; n++) for (const name of names) offer(store, name, told(name, n));
    offer(store, b, { ...told(b, 99), trace: 'of b alone' });
    await idle(store);
    expect(store.stats).toMatchObject({ exportedSpans: 41, failedSpans: {}, failing: '' });
    for (const [i, name] of names.entries()) {
      const own = (text: string) => text.includes(name) && !text.includes(names[1 - i]);
      const { traces } = await json(store, name, '/api/search?q=%7B%7D&limit=100');
      expect(traces).toHaveLength(20 + i);
      expect(traces.every(({ rootServiceName }: { rootServiceName: string }) => own(rootServiceName))).toBe(true);
      for (let n = 0; n < 20; n++) {
        const { body } = await ask(store, name, `/api/traces/${traceIdHex(`t${n}`)}`, 'application/protobuf');
        const spans = spansIn(decodeRequest(body));
        expect(spans.map(({ spanId, name }) => [spanId, name])).toEqual([
          [Buffer.from(idOf(`s${n}`, 8)).toString('hex'), `name-${name}`],
        ]);
      }
      const tags = JSON.stringify(await json(store, name, '/api/v2/search/tags'));
      expect([tags.includes(`key-${i}`), tags.includes(`key-${1 - i}`)]).toEqual([true, false]);
      for (const tag of ['span.shared', 'resource.service.name', 'name']) {
        const values = JSON.stringify(await json(store, name, `/api/v2/search/tag/${tag}/values`));
        expect([tag, own(values)]).toEqual([tag, true]);
      }
    }
    const alone = `/api/traces/${traceIdHex('of b alone')}`;
    expect([(await ask(store, a, alone)).status, (await ask(store, b, alone)).status]).toEqual([404, 200]);
    await close(store);
  });

  it('and whoever names none, or another, finds nothing and stores nothing', async () => {
    using directory = temporaryDirectory();
    const { store } = await open(directory.path, { tenants });
    offer(store, a, told(a, 1));
    store.offer(batch(told('c', 1)));
    offer(store, 'c', told('c', 1));
    await idle(store);
    expect(store.stats).toMatchObject({ exportedSpans: 1, failedSpans: { write_failed: 2 } });
    for (const name of [undefined, '', 'c', '../a'])
      expect((await ask(store, name, `/api/traces/${traceIdHex('t1')}`)).status).toBe(404);
    expect(readdirSync(join(directory.path, 'tenants')).sort()).toEqual([...names].sort());
    await close(store);
  });

  it('have what is theirs again after a restart', async () => {
    using directory = temporaryDirectory();
    const first = await open(directory.path, { tenants });
    for (const name of names) offer(first.store, name, told(name, 1));
    await close(first.store);
    const { store } = await open(directory.path, { tenants });
    expect(store.storage.traces).toBe(2);
    for (const name of names)
      expect(JSON.stringify(await json(store, name, '/api/search?q=%7B%7D'))).toContain(`service-${name}`);
    await close(store);
  });
});

describe('what one tenant does to its store', () => {
  it('takes nothing from the other: who stores too much loses the oldest of its own', async () => {
    using directory = temporaryDirectory();
    const { store } = await open(directory.path, { tenants, maxBytes: 4 << 20 });
    offer(store, b, told(b, 1));
    for (let n = 0; n < 120; n++) offer(store, a, { trace: `big ${n}`, noise: 60_000 });
    await idle(store);
    await store.retain();
    expect(store.storage.bytes).toBeLessThan(3 << 20);
    expect((await ask(store, a, `/api/traces/${traceIdHex('big 0')}`)).status).toBe(404);
    expect((await ask(store, b, `/api/traces/${traceIdHex('t1')}`)).status).toBe(200);
    await close(store);
  });

  it('stays its own where its database is damaged', async () => {
    using directory = temporaryDirectory();
    const first = await open(directory.path, { tenants });
    for (const name of names) offer(first.store, name, told(name, 1));
    await close(first.store);
    const file = join(directory.path, 'tenants', a, 'traces.db');
    writeFileSync(file, readFileSync(file).fill(0xff, 0, 200));
    const { store } = await open(directory.path, { tenants });
    expect(store.stats.setAside).toBe(1);
    expect((await ask(store, a, `/api/traces/${traceIdHex('t1')}`)).status).toBe(404);
    expect((await ask(store, b, `/api/traces/${traceIdHex('t1')}`)).status).toBe(200);
    await close(store);
  });
});

describe('a database that nobody can ask any more', () => {
  it('waits for its traces to be too old, and is deleted then', async () => {
    using directory = temporaryDirectory();
    const single = await open(directory.path);
    single.store.offer(batch(told('x', 1)));
    await close(single.store);
    const gone = join(directory.path, 'tenants', 'gone');
    mkdirSync(gone, { recursive: true });
    writeFileSync(join(gone, 'traces.db'), 'whatever');
    writeFileSync(join(directory.path, 'of somebody else'), '');
    const files = ['traces.db', 'traces.db-bodies-000001', 'tenants/gone/traces.db'].map((name) =>
      join(directory.path, name),
    );
    const touch = (): void => {
      for (const file of files) utimesSync(file, start / 1000, start / 1000);
    };

    const { store, clock } = await open(directory.path, { tenants });
    touch();
    offer(store, a, told(a, 1));
    await idle(store);
    expect((await ask(store, a, '/api/search?q=%7B%7D')).body.toString()).not.toContain('service-x');
    clock.now = start + 24 * hour;
    await store.retain();
    expect(files.map((file) => existsSync(file))).toEqual([true, true, true]);
    clock.now++;
    await store.retain();
    expect([...files, gone].map((file) => existsSync(file))).toEqual([false, false, false, false]);
    expect(existsSync(join(directory.path, 'of somebody else'))).toBe(true);
    expect(readdirSync(join(directory.path, 'tenants')).sort()).toEqual([...names].sort());
    await close(store);
  });
});
