import { describe, expect, it, onTestFinished } from 'vitest';
import { call, exportPath, frame } from '../receive/support/grpc-wire.ts';
import { makeHome } from '../support/boot-file.ts';
import { eventually, type GatewayProcess, startGatewayProcess } from '../support/gateway.ts';
import { requestBytes } from '../support/spans.ts';

interface Line {
  readonly reason: string;
  readonly requests: number;
  readonly spans?: number;
  readonly bytes?: number;
  readonly port: string;
  readonly address: string;
  readonly tenants?: string[];
  readonly msg: string;
}

const garbage = Buffer.from('garbage');
const linesOf = (gateway: GatewayProcess): Line[] => gateway.events('refused') as unknown as Line[];
const sumOf = (gateway: GatewayProcess, reason: string, of: 'requests' | 'spans' | 'bytes'): number =>
  linesOf(gateway)
    .filter((line) => line.reason === reason)
    .reduce((sum, line) => sum + (line[of] ?? 0), 0);

async function start(shards: string, more: Record<string, unknown> = {}): Promise<GatewayProcess> {
  const boot = {
    // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
    receive: {
      grpc: { endpoint: '${env:TAILGATE_GRPC}' },
      http: { endpoint: '${env:TAILGATE_HTTP}' },
      max_request_bytes: '1MiB',
      ...more,
    },
    // biome-ignore-end lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
  };
  const home = makeHome(boot, '{}');
  onTestFinished(() => home[Symbol.dispose]());
  const gateway = await startGatewayProcess({ args: home.args, env: { TAILGATE_SHARDS: shards } });
  onTestFinished(() => gateway.kill());
  return gateway;
}

const byGrpc = async ({ grpc }: GatewayProcess, body: Uint8Array, headers = {}) =>
  (await call(Number(grpc.split(':')[1]), [frame(body)], headers)).status;
const byHttp = async ({ http }: GatewayProcess, body: Uint8Array<ArrayBuffer>, headers = {}, path = '/v1/traces') => {
  const type = { 'content-type': 'application/x-protobuf' };
  return (await fetch(`http://${http}${path}`, { method: 'POST', headers: { ...type, ...headers }, body })).status;
};

describe.each(['1', '2'])('a gateway of %s shards', (shards) => {
  it('says in its log what it refuses, once each cause, and at its end all of it', async () => {
    const gateway = await start(shards);
    expect(await byHttp(gateway, garbage)).toBe(400);
    await eventually(async () => expect(linesOf(gateway)).toHaveLength(1));
    const where = { port: 'http', address: expect.stringContaining('127.0.0.1') };
    expect(linesOf(gateway)[0]).toMatchObject({ level: 'warn', reason: 'malformed', requests: 1, bytes: 7, ...where });
    expect(linesOf(gateway)[0]!.msg).toMatch(/^malformed protobuf/);

    for (let i = 0; i < 40; i++) expect(await byGrpc(gateway, garbage)).toBe(3);
    expect(await byHttp(gateway, Buffer.alloc(2 ** 21))).toBe(413);
    expect(await byHttp(gateway, garbage, { 'content-encoding': 'lzw' })).toBe(415);
    expect(await byGrpc(gateway, garbage, { ':path': exportPath.replace('Trace', 'Metrics') })).toBe(12);
    const spans = [{ trace: 'good' }, { trace: '0'.repeat(32) }, { trace: 'b', id: '0'.repeat(16) }];
    expect(await byGrpc(gateway, requestBytes(...spans))).toBe(0);
    const reasons = ['malformed', 'too_large', 'unsupported_encoding', 'not_found', 'partial'];
    await eventually(async () =>
      expect(linesOf(gateway).map(({ reason }) => reason)).toEqual(expect.arrayContaining(reasons)),
    );
    expect(linesOf(gateway).find(({ reason }) => reason === 'partial')).toMatchObject({
      requests: 1,
      spans: 2,
      port: 'grpc',
    });

    expect(await gateway.stop()).toBe(0);
    // One more of each ten seconds that this took.
    expect(new Set(linesOf(gateway).map(({ reason }) => reason))).toEqual(new Set(reasons));
    expect(linesOf(gateway).length).toBeLessThan(12);
    expect([sumOf(gateway, 'malformed', 'requests'), sumOf(gateway, 'malformed', 'bytes')]).toEqual([41, 41 * 7]);
  });

  it('names tenants, and lets no secret into its log', async () => {
    const gateway = await start(shards, { tenants: { allow: ['cart', 'mail'] } });
    const secret = 'sesame0123456789';
    const json = { 'content-type': 'application/json', 'x-scope-orgid': 'cart' };
    expect(await byHttp(gateway, Buffer.from(`{"resourceSpans": "${secret}`), json)).toBe(400);
    await byHttp(gateway, garbage, { 'x-scope-orgid': 'mail', 'content-encoding': `Bearer ${secret}` });
    await byHttp(gateway, garbage, { 'x-scope-orgid': 'mail' }, `/v1/traces/?token=${secret}`);
    await byGrpc(gateway, garbage, { 'x-scope-orgid': 'mail', 'grpc-timeout': `Bearer ${secret}` });
    await byHttp(gateway, garbage, { 'x-scope-orgid': 'nobody' });
    expect(await gateway.stop()).toBe(0);
    expect(gateway.output()).not.toContain(secret.slice(0, 6));
    const lines = linesOf(gateway);
    const whose = (reason: string) => lines.flatMap((line) => (line.reason === reason ? (line.tenants ?? []) : []));
    expect([whose('malformed'), whose('unsupported_encoding'), whose('not_found')]).toEqual([
      ['cart', 'mail'],
      ['mail'],
      ['mail'],
    ]);
    expect(lines.find(({ reason }) => reason === 'tenant_unknown')!.msg).toMatch(/nobody: not a tenant/);
  });
});
