import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { makeHome } from '../support/boot-file.ts';
import { eventually, type GatewayProcess, startGatewayProcess } from '../support/gateway.ts';
import { difference, spanIdentities } from '../support/identity.ts';
import { obsctl } from '../support/obsctl.ts';
import { requestBytes, type Told, traceIdHex } from '../support/spans.ts';

/** A real process that keeps what has an error, and a window in which the rest is found. */
async function start(shards: number, boot: Record<string, unknown> = {}): Promise<GatewayProcess> {
  const home = makeHome(
    {
      shards,
      buffer: { decision_wait: '4s', max_bytes: '256MiB' },
      window: { max_bytes: '16MiB', max_age: '10m' },
      ...boot,
    },
    'baseline_percent: null\nlatency_threshold_ms: null\nroutes: []\n',
  );
  const gateway = await startGatewayProcess({ args: home.args });
  onTestFinished(async () => {
    await gateway.kill();
    home[Symbol.dispose]();
  });
  return gateway;
}

const send = (gateway: GatewayProcess, bytes: Uint8Array, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`http://${gateway.http}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf', ...headers },
    body: Buffer.from(bytes),
  });

const traceOf = (gateway: GatewayProcess, trace: string, version = ''): Promise<Response> =>
  fetch(`http://${gateway.admin}/api/${version}traces/${traceIdHex(trace)}`, {
    headers: { accept: 'application/protobuf' },
  });

async function decided(gateway: GatewayProcess): Promise<void> {
  await eventually(async () => expect((await gateway.status()).buffer.spans).toBe(0));
}

describe.each([1, 2])('a trace that was dropped by a gateway of %d shards', (shards) => {
  it('is explained in words, with the span that came nearest', async () => {
    const gateway = await start(shards);
    for (const parent of [undefined, '0', '1'])
      await send(
        gateway,
        requestBytes({ trace: 'a', id: `${Number(parent ?? -1) + 1}`, service: 'shop', ...(parent && { parent }) }),
      );
    await decided(gateway);
    const explained = async (): Promise<{ votes: { policy: string; vote: string; why?: string }[] }> =>
      (await fetch(`http://${gateway.admin}/api/explain/${traceIdHex('a')}`)).json() as never;
    await eventually(async () =>
      expect((await explained()).votes).toEqual([
        { policy: 'errors', vote: 'abstain', why: 'no span has status ERROR' },
      ]),
    );
    const { out } = await obsctl('explain', traceIdHex('a'), '--gateway', `http://${gateway.admin}`);
    expect(out).toContain('no span has status ERROR');
  });

  it('is found where traces are asked for, whole, with what became of it', async () => {
    const gateway = await start(shards);
    const came = new Map<string, string[]>();
    // Twenty requests with a span of every trace, on as many connections: each shard has some of each.
    for (let n = 0; n < 20; n++) {
      const spans = Array.from({ length: 10 }, (_, i): Told => {
        const isError = i === 7 && n === 0;
        return { trace: `t${i}`, id: `${n}`, ...(n > 0 && { parent: '0' }), ...(isError && { status: 'ERROR' }) };
      });
      const bytes = requestBytes(...spans);
      expect((await send(gateway, bytes)).status).toBe(200);
      for (const [i, identity] of spanIdentities(bytes).entries())
        came.set(`t${i}`, [...(came.get(`t${i}`) ?? []), identity]);
    }
    await decided(gateway);
    for (const [trace, wanted] of came) {
      const answer = await eventually(async () => {
        const found = await traceOf(gateway, trace);
        expect(found.status).toBe(200);
        // What was kept is in the store, in a moment.
        expect(found.headers.get('x-tailgate-verdict')).toBe(trace === 't7' ? null : 'drop');
        return found;
      });
      const found = spanIdentities(new Uint8Array(await answer.arrayBuffer()));
      expect([trace, difference(found, wanted)]).toEqual([trace, { extra: [], missing: [] }]);
    }
    expect((await traceOf(gateway, 'nobody')).status).toBe(404);
    expect((await (await traceOf(gateway, 'nobody', 'v2/')).arrayBuffer()).byteLength).toBeLessThan(10);

    const shown = await obsctl('--gateway', `http://${gateway.admin}`, 'trace', 'show', traceIdHex('t1'));
    expect([shown.code, shown.err]).toEqual([
      0,
      expect.stringContaining('dropped: no policy kept it; it is in the window'),
    ]);
    expect(shown.out.match(/shop work .*1ms/g)).toHaveLength(20);
    const status = JSON.parse(await gateway.get('/api/status')) as { window: Record<string, number> };
    expect(status.window).toMatchObject({ limitBytes: 16 << 20, missedSpans: 0 });
    await eventually(async () => expect(await gateway.get('/metrics')).toMatch(/^tailgate_window_spans 200$/m));
    expect(await gateway.stop()).toBe(0);
  }, 120_000);

  it('has its secrets hidden and its resource attributes added there, as one that is kept', async () => {
    const gateway = await start(shards, { enrich: { resource: { cluster: 'eu-1' } } });
    await send(gateway, requestBytes({ trace: 't', attributes: { password: 'hunter2', plain: 'seen' } }));
    const found = await eventually(async () => {
      const answer = await traceOf(gateway, 't');
      expect(answer.headers.get('x-tailgate-verdict')).toBe('drop');
      return Buffer.from(await answer.arrayBuffer()).toString('latin1');
    });
    expect(found).toContain('seen');
    expect(found).toContain('eu-1');
    expect(found).not.toContain('hunter2');
  }, 120_000);
});

describe.each([1, 2])('a dropped trace that somebody wants of a gateway of %d shards', (shards) => {
  it('comes back by its id into the store, for whoever may change something', async () => {
    const tokens = join(mkdtempSync(join(tmpdir(), 'tailgate-tokens-')), 'tokens');
    writeFileSync(tokens, 'operator: let-me-in-0123456789\nreader: only-looking-0123456789 read\n');
    const gateway = await start(shards, {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
      admin: { endpoint: '${env:TAILGATE_ADMIN}', auth: { bearer_token_file: tokens } },
    });
    const came: string[] = [];
    for (let n = 0; n < 10; n++) {
      const bytes = requestBytes({ trace: 't', id: `${n}`, ...(n > 0 && { parent: '0' }) }, { trace: `other-${n}` });
      expect((await send(gateway, bytes)).status).toBe(200);
      came.push(spanIdentities(bytes)[0]!);
    }
    const id = traceIdHex('t');
    const token = ['--gateway', `http://${gateway.admin}`, '--token-file'];
    const keep = (file: string, ...ids: string[]) => obsctl(...token, file, 'trace', 'keep', ...ids);
    const single = (name: string, text: string): string => {
      const file = join(gateway.directory, name);
      writeFileSync(file, text);
      return file;
    };
    const operator = single('operator', 'let-me-in-0123456789');
    const reader = single('reader', 'only-looking-0123456789');
    await eventually(async () => expect((await keep(operator, id)).out).toMatch(/brought back +10/));
    expect(await keep(reader, id)).toMatchObject({ code: 5 });
    expect(await keep(operator, id, 'f'.repeat(32))).toMatchObject({
      code: 4,
      out: expect.stringContaining('kept already'),
    });
    await eventually(async () => {
      const answer = await fetch(`http://${gateway.admin}/api/traces/${id}`, {
        headers: { accept: 'application/protobuf', authorization: 'Bearer let-me-in-0123456789' },
      });
      expect([answer.status, answer.headers.get('x-tailgate-verdict')]).toEqual([200, null]);
      expect(difference(spanIdentities(new Uint8Array(await answer.arrayBuffer())), came)).toEqual({
        extra: [],
        missing: [],
      });
    });
  }, 120_000);
});

describe.each([1, 2])('the window of a gateway of %d shards', (shards) => {
  it('is searched whole, with the verdict beside each trace, and what was found is kept by its query', async () => {
    const tokens = join(mkdtempSync(join(tmpdir(), 'tailgate-tokens-')), 'tokens');
    writeFileSync(tokens, 'operator: let-me-in-0123456789\n');
    const gateway = await start(shards, {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
      admin: { endpoint: '${env:TAILGATE_ADMIN}', auth: { bearer_token_file: tokens } },
    });
    const now = Date.now();
    const came = new Map<string, string[]>();
    for (let n = 0; n < 12; n++) {
      // The root comes to one shard, the span of the cart to another.
      for (const told of [
        { id: 'r', name: 'GET /', service: 'web', durationMs: n % 2 === 0 ? 900 : 5 },
        { id: 'c', parent: 'r', service: 'cart', attributes: { password: `secret-${n}`, 'user.id': `u${n % 3}` } },
        { id: 'e', parent: 'r', ...(n === 4 && { status: 'ERROR' as const }) },
      ]) {
        const bytes = requestBytes({ trace: `t${n}`, startMs: now, ...told });
        expect((await send(gateway, bytes)).status).toBe(200);
        came.set(`t${n}`, [...(came.get(`t${n}`) ?? []), ...spanIdentities(bytes)]);
      }
    }
    const token = join(gateway.directory, 'token');
    writeFileSync(token, 'let-me-in-0123456789');
    const ask = (...args: string[]) => obsctl('--gateway', `http://${gateway.admin}`, '--token-file', token, ...args);
    const find = (...args: string[]) => ask('trace', 'find', '--window', ...args);
    const traces = (...numbers: number[]) => numbers.map((n) => traceIdHex(`t${n}`)).sort();
    const ofU1 = [1, 4, 7, 10];
    // Each has its verdict when its own wait is over.
    await eventually(async () => {
      const table = (await find('-q', '{ .user.id = "u1" }')).out;
      expect(table.match(/dropped/g)).toHaveLength(3);
      expect(table).toMatch(/kept +errors/);
    });
    expect((await find('-q', '{ .user.id = "u1" }', '-o', 'ids')).ids).toEqual(traces(...ofU1));
    // Conditions on spans of different shards, on the whole trace, and on what is hidden from askers.
    const both = '{ resource.service.name = "cart" } && { status = error }';
    expect((await find('-q', both, '-o', 'ids')).ids).toEqual(traces(4));
    expect(
      (await find('-q', '{ rootName = "GET /" && .user.id = "u1" && traceDuration > 500ms }', '-o', 'ids')).ids,
    ).toEqual(traces(4, 10));
    expect((await find('-q', '{ .password = "secret-3" }')).code).toBe(3);
    expect((await find('-q', '{ oops')).code).toBe(2);
    const kept = await ask('trace', 'keep', '--query', '{ .user.id = "u1" }', '--last', '5m', '-o', 'ids');
    expect([kept.code, kept.ids]).toEqual([0, traces(1, 7, 10)]);
    await eventually(async () => {
      for (const n of ofU1) {
        const answer = await fetch(`http://${gateway.admin}/api/traces/${traceIdHex(`t${n}`)}`, {
          headers: { accept: 'application/protobuf', authorization: 'Bearer let-me-in-0123456789' },
        });
        expect([answer.status, answer.headers.get('x-tailgate-verdict')]).toEqual([200, null]);
        const ids = (list: readonly string[]) => list.map((it) => it.split(' ').slice(0, 2).join(' ')).sort();
        const found = spanIdentities(new Uint8Array(await answer.arrayBuffer()));
        expect(ids(found)).toEqual(ids(came.get(`t${n}`)!));
      }
    });
    const metrics = await fetch(`http://${gateway.admin}/metrics`, {
      headers: { authorization: 'Bearer let-me-in-0123456789' },
    });
    expect(await metrics.text()).toMatch(/^tailgate_window_kept_traces_total\{reason="query"\} 3$/m);
  }, 120_000);
});

describe.each([1, 2])('two tenants of a gateway of %d shards', (shards) => {
  it('find, search and keep each their own, though their ids are the same', async () => {
    const tokens = join(mkdtempSync(join(tmpdir(), 'tailgate-tokens-')), 'tokens');
    writeFileSync(tokens, 'a: of-tenant-a-0123456789 tenant=a\nb: of-tenant-b-0123456789 tenant=b\n');
    const gateway = await start(shards, {
      // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
      admin: { endpoint: '${env:TAILGATE_ADMIN}', auth: { bearer_token_file: tokens } },
      receive: {
        grpc: { endpoint: '${env:TAILGATE_GRPC}' },
        http: { endpoint: '${env:TAILGATE_HTTP}' },
        tenants: { allow: ['a', 'b'] },
        max_request_bytes: '2MiB',
      },
      // biome-ignore-end lint/suspicious/noTemplateCurlyInString: as above
    });
    const came = new Map<string, string[]>([
      ['a', []],
      ['b', []],
    ]);
    for (let n = 0; n < 16; n++)
      for (const tenant of ['a', 'b']) {
        const bytes = requestBytes({ trace: 't', id: `${n}`, service: `of-${tenant}`, startMs: Date.now() });
        expect((await send(gateway, bytes, { 'x-scope-orgid': tenant })).status).toBe(200);
        came.get(tenant)!.push(...spanIdentities(bytes));
      }
    const ask = (tenant: string, path: string, init: RequestInit = {}) =>
      fetch(`http://${gateway.admin}${path}`, {
        ...init,
        headers: {
          authorization: `Bearer of-tenant-${tenant}-0123456789`,
          accept: 'application/protobuf',
          ...init.headers,
        },
      });
    const found = async (tenant: string) => {
      const answer = await ask(tenant, `/api/traces/${traceIdHex('t')}`);
      const body = Buffer.from(await answer.arrayBuffer());
      expect([answer.status, answer.ok ? '' : body.toString()]).toEqual([200, '']);
      const identities = spanIdentities(body);
      return { verdict: answer.headers.get('x-tailgate-verdict'), ...difference(identities, came.get(tenant)!) };
    };
    for (const tenant of ['a', 'b'])
      await eventually(async () => expect(await found(tenant)).toEqual({ verdict: 'drop', extra: [], missing: [] }));
    const services = async (tenant: string) => {
      const answer = await ask(tenant, `/api/search?window=true&q=${encodeURIComponent('{ true }')}`);
      const { traces } = (await answer.json()) as { traces: { serviceStats: Record<string, unknown> }[] };
      return traces.map(({ serviceStats }) => Object.keys(serviceStats));
    };
    expect([await services('a'), await services('b')]).toEqual([[['of-a']], [['of-b']]]);
    const kept = await ask('a', '/api/keep', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ids: [traceIdHex('t')] }),
    });
    expect(await kept.json()).toEqual({ traces: [{ traceId: traceIdHex('t'), state: 'brought', spans: 16 }] });
    await eventually(async () => expect(await found('a')).toEqual({ verdict: null, extra: [], missing: [] }));
    expect(await found('b')).toEqual({ verdict: 'drop', extra: [], missing: [] });
  }, 120_000);
});

describe('a gateway that asks nobody who he is', () => {
  it('changes nothing, and says what to do', async () => {
    const gateway = await start(1);
    const answer = await fetch(`http://${gateway.admin}/api/keep`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ids: [traceIdHex('t')] }),
    });
    expect([answer.status, await answer.json()]).toEqual([403, { error: expect.stringContaining('set admin.auth') }]);
  });
});

describe('a trace that waits', () => {
  it('is found as well, and is said to wait', async () => {
    const gateway = await start(1, { buffer: { decision_wait: '1h' } });
    await send(gateway, requestBytes({ trace: 't' }));
    const answer = await traceOf(gateway, 't', 'v2/');
    expect([answer.status, answer.headers.get('x-tailgate-verdict')]).toEqual([200, 'waiting']);
  });
});

describe('a gateway without a window', () => {
  it('finds what was kept, as ever', async () => {
    const gateway = await start(1, { window: {} });
    await send(gateway, requestBytes({ trace: 'bad', status: 'ERROR' }, { trace: 'good' }));
    await eventually(async () => expect((await traceOf(gateway, 'bad')).status).toBe(200));
    expect((await traceOf(gateway, 'good')).status).toBe(404);
  });
});
