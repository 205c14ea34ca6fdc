import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { freePort } from '../../tools/servers/ports.ts';
import { eventually, type GatewayProcess, startGatewayProcess } from '../support/gateway.ts';
import { requestBytes, traceIdHex } from '../support/spans.ts';

const post = (gateway: GatewayProcess, body: Uint8Array): Promise<Response> =>
  fetch(`http://${gateway.http}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf' },
    body: body as Uint8Array<ArrayBuffer>,
  });
const traces = (count: number) => Array.from({ length: count }, (_, i) => `trace-${i}`);

describe.each([1, 2, 4])('a gateway with %d shards', (shards) => {
  const env = { TAILGATE_SHARDS: String(shards), TAILGATE_DECISION_WAIT: '700ms' };

  it('decides traces whose spans come over many connections, and its books balance', async () => {
    // Long enough for three rounds on a busy machine: what comes later would be late.
    const gateway = await startGatewayProcess({ env: { ...env, TAILGATE_DECISION_WAIT: '6s' } });
    try {
      for (let round = 0; round < 3; round++) {
        const spans = traces(60).map((trace, i) => ({
          trace,
          id: `${trace}-${round}`,
          ...(round > 0 && { parent: `${trace}-0` }),
          ...(i % 3 === 0 && round === 2 && { status: 'ERROR' as const }),
        }));
        const answers = await Promise.all(
          Array.from({ length: 6 }, (_, i) => post(gateway, requestBytes(...spans.slice(i * 10, i * 10 + 10)))),
        );
        expect(answers.map((answer) => answer.status)).toEqual(new Array(6).fill(200));
      }
      const status = await eventually(async () => {
        const now = await gateway.status();
        expect(now.buffer.spans).toBe(0);
        return now as typeof now & { shards: number; books: { balanced: boolean; spans: Record<string, number> } };
      });
      expect(status.shards).toBe(shards);
      expect(status.books.balanced).toBe(true);
      expect(status.books.spans).toMatchObject({ received: 180, late_kept: 0, late_dropped: 0, lost: 0 });
      for (const [i, trace] of traces(60).entries()) {
        const told = JSON.parse(await gateway.get(`/api/explain/${traceIdHex(trace)}`));
        expect([told.spans, told.complete]).toEqual([3, true]);
        if (i % 3 === 0) expect([told.verdict, told.policy]).toEqual(['keep', 'errors']);
      }
    } finally {
      expect(await gateway.stop()).toBe(0);
    }
  });

  it('follows a change of rules in all shards', async () => {
    const gateway = await startGatewayProcess({ env: { ...env, TAILGATE_RULES: rulesFile('baseline_percent: 0\n') } });
    try {
      rulesFile('debug: true\n');
      await eventually(async () => expect((await gateway.status()).rules.revision).not.toBe(firstRevision(gateway)));
      await post(gateway, requestBytes(...traces(40).map((trace) => ({ trace }))));
      await eventually(async () => {
        const told = await Promise.all(traces(40).map((trace) => gateway.get(`/api/explain/${traceIdHex(trace)}`)));
        expect(told.map((text) => JSON.parse(text).verdict)).toEqual(new Array(40).fill('keep'));
      });
    } finally {
      await gateway.stop();
    }
  });

  it('drains what waits in every shard, and loses nothing', async () => {
    const gateway = await startGatewayProcess({ env: { ...env, TAILGATE_DECISION_WAIT: '60s', TRACE_DEBUG: '1' } });
    await Promise.all(traces(50).map((trace) => post(gateway, requestBytes({ trace }, { trace }))));
    await eventually(async () => expect((await gateway.status()).buffer.spans).toBe(100));
    gateway.signal('SIGTERM');
    expect(await gateway.exited()).toBe(0);
    expect(gateway.events('stopped')).toMatchObject([{ lostSpans: 0 }]);
    await gateway.stop();
  });

  it('finds a port in use, also one that another gateway would share', async () => {
    const gateway = await startGatewayProcess({ env });
    const tailgate = fileURLToPath(new URL('../../bin/tailgate', import.meta.url));
    const taken = {
      ...process.env,
      ...env,
      TAILGATE_GRPC: gateway.grpc,
      TAILGATE_HTTP: '127.0.0.1:0',
      TAILGATE_ADMIN: '127.0.0.1:0',
    };
    const second = spawnSync(tailgate, ['run'], {
      env: taken,
      cwd: gateway.directory,
      encoding: 'utf8',
      timeout: 45_000,
    });
    await gateway.stop();
    expect(second.stderr).toContain(`receive.grpc: cannot listen on ${gateway.grpc}: address already in use`);
    expect(second.status).toBe(2);
  });
});

describe.each([1, 2])('with %d shards, gRPC and HTTP on one port', (shards) => {
  it.each([
    ['by the same name', '127.0.0.1', /gateway.yaml:\d+: receive.http.endpoint: the port of receive.grpc: expected/],
    ['by another', 'localhost', /receive.http: cannot listen on localhost:\d+: address already in use/],
  ])('are refused, %s', async (_, host, complaint) => {
    const port = await freePort();
    const env = {
      ...process.env,
      TAILGATE_SHARDS: String(shards),
      TAILGATE_GRPC: `127.0.0.1:${port}`,
      TAILGATE_HTTP: `${host}:${port}`,
      TAILGATE_ADMIN: '127.0.0.1:0',
      TAILGATE_DATA: mkdtempSync(join(tmpdir(), 'tailgate-')),
    };
    const tailgate = fileURLToPath(new URL('../../bin/tailgate', import.meta.url));
    const { status, stderr } = spawnSync(tailgate, ['run'], { env, encoding: 'utf8', timeout: 45_000 });
    expect([status, stderr]).toEqual([2, expect.stringMatching(complaint)]);
  });
});

let folder = '';
function rulesFile(text: string): string {
  folder ||= mkdtempSync(join(tmpdir(), 'tailgate-rules-'));
  const file = join(folder, 'shards-test-rules.yaml');
  writeFileSync(file, text);
  return file;
}
const firstRevision = (gateway: GatewayProcess): unknown => gateway.events('rules')[0]?.revision;
