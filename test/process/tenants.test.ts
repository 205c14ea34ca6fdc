import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { call, frame } from '../receive/support/grpc-wire.ts';
import { makeHome, sinkExporter } from '../support/boot-file.ts';
import { eventually, type GatewayProcess, startGatewayProcess } from '../support/gateway.ts';
import { Multiset, spanIdentities } from '../support/identity.ts';
import { requestBytes, type Told, traceIdHex } from '../support/spans.ts';

/**
 * A real process with two tenants that use the same trace and span ids, over gRPC and HTTP at once: what the destination
 * got is compared, span by span, with what each sent, by the header that it came under.
 */
const names = ['a', 'b'] as const;
type Name = (typeof names)[number];
const header = 'x-scope-orgid';

/** The nth request of a tenant: the traces of requests near it, in both tenants. One service is of both. */
const spansOf = (name: Name, n: number): Told[] =>
  Array.from({ length: 20 }, (_, i) => ({
    trace: `${(n + i) % 30}`,
    id: `${n}-${i}`,
    service: i % 3 === 0 ? 'same' : `of-${name}`,
    padding: (n * i * 37) % 3_000,
  }));

async function sendGrpc({ grpc }: GatewayProcess, name: Name, body: Uint8Array): Promise<void> {
  const port = Number(grpc.split(':')[1]);
  expect(await call(port, [frame(Buffer.from(body))], { [header]: name })).toMatchObject({ status: 0 });
}

async function sendHttp({ http }: GatewayProcess, name: string | undefined, body: Uint8Array): Promise<Response> {
  return fetch(`http://${http}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf', ...(name !== undefined && { 'X-Scope-OrgID': name }) },
    body: Buffer.from(body),
  });
}

interface Came {
  readonly url: string;
  /** Identities by the value of the header, `none` where there was none. */
  readonly by: Map<string, string[]>;
}

async function sink(): Promise<Came> {
  const by = new Map<string, string[]>();
  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const raw = Buffer.concat(chunks);
    const body = incoming.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw;
    const name = String(incoming.headers[header] ?? 'none');
    by.set(name, [...(by.get(name) ?? []), ...spanIdentities(body)]);
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
  });
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, by };
}

async function start(shards: number, url: string, tenants: Record<string, unknown>): Promise<GatewayProcess> {
  const boot = {
    // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
    receive: {
      grpc: { endpoint: '${env:TAILGATE_GRPC}' },
      http: { endpoint: '${env:TAILGATE_HTTP}' },
      tenants: { allow: names, ...tenants },
      max_request_bytes: '2MiB',
    },
    // biome-ignore-end lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
    tenants: { b: { share: 3 } },
    buffer: { max_bytes: '64MiB', decision_wait: '300ms' },
    batch: { max_age: '100ms' },
    export: [sinkExporter(url)],
  };
  const home = makeHome(boot, 'debug: true\n');
  const gateway = await startGatewayProcess({ args: home.args, env: { TAILGATE_SHARDS: String(shards) } });
  onTestFinished(async () => {
    await gateway.kill();
    home[Symbol.dispose]();
  });
  return gateway;
}

interface TenantStatus {
  readonly name: string;
  readonly books: { readonly balanced: boolean; readonly spans: Record<string, number> };
}
const tenantsOf = async (gateway: GatewayProcess): Promise<TenantStatus[]> =>
  (JSON.parse(await gateway.get('/api/status')) as { tenants: TenantStatus[] }).tenants;

describe.each([1, 2])('two tenants of a gateway of %d shards', (shards) => {
  it('have all of their own at the destination, under their name, and nothing else', async () => {
    const came = await sink();
    const gateway = await start(shards, came.url, {});
    const sent = { a: new Multiset(), b: new Multiset() };
    for (let n = 0; n < 40; n++)
      await Promise.all(
        names.map(async (name, i) => {
          const body = requestBytes(...spansOf(name, n));
          if ((n + i) % 2 === 0) await sendGrpc(gateway, name, body);
          else expect((await sendHttp(gateway, name, body)).status).toBe(200);
          for (const identity of spanIdentities(body)) sent[name].add(identity);
        }),
      );
    await eventually(async () => {
      const books = (await tenantsOf(gateway)).map(({ name, books }) => [name, books.balanced, books.spans.waiting]);
      expect(books).toEqual(names.map((name) => [name, true, 0]));
    });
    const books = await tenantsOf(gateway);
    const metrics = await gateway.get('/metrics');
    const explained = await fetch(`http://${gateway.admin}/api/explain/${traceIdHex('3')}`, {
      headers: { [header]: 'a' },
    });
    expect(await gateway.stop()).toBe(0);
    for (const name of names) {
      const total = sent[name].size;
      const foreign = (came.by.get(name) ?? []).filter((identity) => !sent[name].take(identity));
      expect([foreign.slice(0, 3), sent[name].keys().slice(0, 3)], `foreign and missing of ${name}`).toEqual([[], []]);
      expect(books.find((each) => each.name === name)?.books.spans).toMatchObject({ received: total, lost: 0 });
      expect(metrics).toMatch(new RegExp(`tailgate_received_spans_total{protocol="grpc",tenant="${name}"} [1-9]`));
    }
    expect([...came.by.keys()].sort()).toEqual(['a', 'b']);
    expect(await explained.json()).toMatchObject({ verdict: 'keep' });
  }, 120_000);

  it('are told by the header alone: without it, or with another, nobody is served', async () => {
    const came = await sink();
    const gateway = await start(shards, came.url, {});
    const body = requestBytes({ trace: '1' });
    expect((await sendHttp(gateway, undefined, body)).status).toBe(400);
    expect((await sendHttp(gateway, 'c', body)).status).toBe(403);
    expect((await sendHttp(gateway, 'a', body)).status).toBe(200);
    const port = Number(gateway.grpc.split(':')[1]);
    expect(await call(port, [frame(Buffer.from(body))], { [header]: ['a', 'b'] })).toMatchObject({ status: 3 });
    const ask = async (name?: string): Promise<[number, string]> => {
      const headers = name === undefined ? {} : { [header]: name };
      const answer = await fetch(`http://${gateway.admin}/api/explain/${traceIdHex('1')}`, { headers });
      return [answer.status, await answer.text()];
    };
    await eventually(async () => expect(await ask('a')).toEqual([200, expect.stringContaining(traceIdHex('1'))]));
    expect(await ask('b')).toEqual([404, expect.stringContaining('not remembered')]);
    expect(await ask()).toEqual([400, expect.stringContaining('no x-scope-orgid')]);
    expect(await ask('c')).toEqual([403, expect.stringContaining('not a tenant')]);
    const metrics = await gateway.get('/metrics');
    for (const [reason, requests] of Object.entries({ tenant_missing: 1, tenant_unknown: 1, tenant_malformed: 1 }))
      expect(metrics).toContain(`tailgate_refused_requests_total{reason="${reason}"} ${requests}`);
    expect(metrics).not.toContain('tenant="c"');
    expect(await gateway.stop()).toBe(0);
    expect([...came.by.keys()]).toEqual(['a']);
  }, 60_000);
});

it.each([1, 2])(
  'each is kept by its own rules, which change while it runs, and found by itself alone: %d shards',
  async (shards) => {
    const home = makeHome(
      {
        // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
        receive: { http: { endpoint: '${env:TAILGATE_HTTP}' }, tenants: { allow: names } },
        // biome-ignore-end lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
        buffer: { decision_wait: '200ms' },
        batch: { max_age: '50ms' },
      },
      'baseline_percent: 0\ntenants: { a: { debug: true } }\n',
    );
    const gateway = await startGatewayProcess({ args: home.args, env: { TAILGATE_SHARDS: String(shards) } });
    onTestFinished(async () => {
      await gateway.kill();
      home[Symbol.dispose]();
    });
    const ask = async (name: Name, path: string) =>
      fetch(`http://${gateway.admin}${path}`, { headers: { 'X-Scope-OrgID': name } });
    const explain = async (name: Name, trace: string) =>
      (await (await ask(name, `/api/explain/${traceIdHex(trace)}`)).json()) as { verdict: string; revision: string };
    const send = async (trace: string): Promise<void> => {
      for (const name of names) {
        const body = requestBytes({ trace, id: 'x', service: `of-${name}`, name: `work of ${name}` });
        expect((await sendHttp(gateway, name, body)).status).toBe(200);
      }
      await eventually(async () => {
        for (const name of names) expect((await explain(name, trace)).verdict).toMatch(/keep|drop/);
      });
    };
    await send('1');
    const before = await Promise.all(names.map((name) => explain(name, '1')));
    expect(before.map(({ verdict }) => verdict)).toEqual(['keep', 'drop']);
    const { revision } = (await gateway.status()).rules;
    expect(before.map((it) => it.revision)).toEqual([revision, revision]);

    home.rules('baseline_percent: 0\ntenants: { b: { debug: true }, c: {} }\n');
    await eventually(async () => {
      const { lastRefusal } = (await gateway.status()).rules;
      expect(lastRefusal?.error).toMatch(/rules.yaml:2: tenants.c: no such tenant/);
    });
    home.rules('baseline_percent: 0\ntenants: { b: { debug: true } }\n');
    await eventually(async () => expect((await gateway.status()).rules.revision).not.toBe(revision));
    await send('2');
    const after = await Promise.all(names.map((name) => explain(name, '2')));
    expect(after.map(({ verdict }) => verdict)).toEqual(['drop', 'keep']);

    const found = async (name: Name) => {
      const { traces } = (await (await ask(name, '/api/search?q=%7B%7D')).json()) as {
        traces: { traceID: string; rootServiceName: string }[];
      };
      return traces.map(({ traceID, rootServiceName }) => [traceID.padStart(32, '0'), rootServiceName]);
    };
    await eventually(async () => {
      expect(await found('a')).toEqual([[traceIdHex('1'), 'of-a']]);
      expect(await found('b')).toEqual([[traceIdHex('2'), 'of-b']]);
    });
    expect((await ask('a', `/api/traces/${traceIdHex('2')}`)).status).toBe(404);
    expect(await (await ask('a', '/api/v2/search/tag/resource.service.name/values')).text()).not.toContain('of-b');
    expect((await fetch(`http://${gateway.admin}/api/search`)).status).toBe(400);
    expect((await fetch(`http://${gateway.admin}/api/echo`)).status).toBe(200);
    expect(await gateway.stop()).toBe(0);
  },
  120_000,
);

it('whoever sends no header is the default tenant, where there is one', async () => {
  const came = await sink();
  const gateway = await start(1, came.url, { default: 'b', header: 'X-Org' });
  expect((await sendHttp(gateway, undefined, requestBytes({ trace: '1' }))).status).toBe(200);
  // Another header than the configured one says nothing.
  expect((await sendHttp(gateway, 'a', requestBytes({ trace: '2' }))).status).toBe(200);
  await eventually(async () => {
    const books = (await tenantsOf(gateway)).map(({ books }) => books.spans.received);
    expect(books).toEqual([0, 2]);
  });
  expect(await gateway.stop()).toBe(0);
}, 60_000);

it('one that sends more than it may is told so, and the other is not', async () => {
  const came = await sink();
  const home = makeHome(
    {
      // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
      receive: { http: { endpoint: '${env:TAILGATE_HTTP}' }, tenants: { allow: names } },
      // biome-ignore-end lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
      tenants: { a: { max_bytes_per_second: '1KiB' } },
      export: [sinkExporter(came.url)],
    },
    'debug: true\n',
  );
  const gateway = await startGatewayProcess({ args: home.args, env: { TAILGATE_SHARDS: '1' } });
  onTestFinished(async () => {
    await gateway.kill();
    home[Symbol.dispose]();
  });
  const body = requestBytes({ trace: '1', padding: 20_000 });
  expect((await sendHttp(gateway, 'a', body)).status).toBe(200);
  const refused = await sendHttp(gateway, 'a', body);
  expect([refused.status, Number(refused.headers.get('retry-after'))]).toEqual([429, expect.any(Number)]);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(5);
  for (let n = 0; n < 5; n++) expect((await sendHttp(gateway, 'b', body)).status).toBe(200);
  expect(await gateway.stop()).toBe(0);
}, 60_000);
