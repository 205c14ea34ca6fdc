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
      buffer: { decision_wait: '1s', max_bytes: '256MiB' },
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

const send = (gateway: GatewayProcess, bytes: Uint8Array): Promise<Response> =>
  fetch(`http://${gateway.http}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf' },
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
  it('is found where traces are asked for, whole, with what became of it', async () => {
    const gateway = await start(shards);
    const came = new Map<string, string[]>();
    // Twenty requests with a span of every trace, on as many connections: each shard has some of each.
    for (let n = 0; n < 20; n++) {
      const spans = Array.from({ length: 10 }, (_, i): Told => {
        const isError = i === 7 && n === 5;
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
    expect([shown.code, shown.err]).toEqual([0, expect.stringContaining('the trace was dropped')]);
    expect(shown.out.match(/shop work .*1ms/g)).toHaveLength(20);
    const status = JSON.parse(await gateway.get('/api/status')) as { window: Record<string, number> };
    expect(status.window).toMatchObject({ limitBytes: 16 << 20, missedSpans: 0 });
    await eventually(async () => expect(await gateway.get('/metrics')).toMatch(/^tailgate_window_spans 200$/m));
    expect(await gateway.stop()).toBe(0);
  }, 60_000);

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
  }, 60_000);
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
