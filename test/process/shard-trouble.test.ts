import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { ownerOf } from '../../src/route/route.ts';
import { eventually, type GatewayProcess, startGatewayProcess } from '../support/gateway.ts';
import { traceIdHex } from '../support/spans.ts';

const hook = fileURLToPath(new URL('../support/trouble.mjs', import.meta.url));
const protobuf = { 'content-type': 'application/x-protobuf' };
const patienceMs = 60_000;

/** A gateway of two shards; `trouble` comes over the second. */
async function start(): Promise<{ gateway: GatewayProcess; trouble: (order: string) => void }> {
  const file = join(mkdtempSync(join(tmpdir(), 'tailgate-trouble-')), 'order');
  const env = { TAILGATE_SHARDS: '2', NODE_OPTIONS: `--import ${hook}`, TROUBLE: file };
  const gateway = await startGatewayProcess({ env });
  return { gateway, trouble: (order) => writeFileSync(file, order) };
}

const ownedBy = (shard: number): string =>
  Array.from({ length: 100 }, (_, i) => traceIdHex(`trace-${i}`)).find(
    (id) => ownerOf(Number.parseInt(id.slice(-8), 16) | 0, 2) === shard,
  ) as string;

it('a shard that dies ends the process, with one line that says which and why, and exit code 1', async () => {
  const { gateway, trouble } = await start();
  trouble('die');
  expect(await gateway.exited()).toBe(1);
  expect(gateway.events('shard_died')).toMatchObject([{ shard: 1, reason: 'a defect that nobody knew of' }]);
  await gateway.kill();
});

it('a shard that dies leaves in the log what was refused until then', async () => {
  const { gateway, trouble } = await start();
  const post = async () =>
    (await fetch(`http://${gateway.http}/v1/traces`, { method: 'POST', body: 'garbage', headers: protobuf })).status;
  for (let i = 0; i < 20; i++) expect(await post()).toBe(400);
  // Shards tell of a reason once a second; the log waits ten for what follows the first.
  await sleep(1_500);
  trouble('die');
  expect(await gateway.exited()).toBe(1);
  const told = gateway.events('refused') as unknown as { reason: string; requests: number }[];
  expect(told.reduce((sum, { requests }) => sum + requests, 0)).toBe(20);
  await gateway.kill();
});

it('a shard that stands still fails /livez, and hangs neither /metrics nor /api/status, which say so', async () => {
  const { gateway, trouble } = await start();
  try {
    expect((await gateway.status()) as unknown).toMatchObject({ silentShards: [] });
    expect((await fetch(`http://${gateway.admin}/livez`)).status).toBe(200);
    trouble('25000');
    const silent = await eventually(async () => {
      const status = (await gateway.status()) as unknown as { silentShards: number[]; books: { balanced: boolean } };
      expect(status.silentShards).toEqual([1]);
      return status;
    }, patienceMs);
    expect(silent.books.balanced).toBe(true);
    expect(await gateway.get('/metrics')).toContain('tailgate_silent_shards 1\n');
    const explain = (shard: number) => fetch(`http://${gateway.admin}/api/explain/${ownedBy(shard)}`);
    const [here, there] = await Promise.all([explain(0), explain(1)]);
    expect([here.status, there.status, ((await there.json()) as { error: string }).error]).toEqual([
      404,
      503,
      'shard 1 did not answer within 2 s: try again later',
    ]);
    await eventually(async () => {
      const livez = await fetch(`http://${gateway.admin}/livez`);
      expect([livez.status, await livez.text()]).toEqual([503, expect.stringMatching(/^shard 1 has stood still/)]);
    }, patienceMs);
    // It comes back by itself, and nothing else is wrong.
    await eventually(async () => {
      expect((await gateway.status()) as unknown).toMatchObject({ silentShards: [] });
      expect((await fetch(`http://${gateway.admin}/livez`)).status).toBe(200);
    }, patienceMs);
  } finally {
    expect(await gateway.stop()).toBe(0);
  }
}, 180_000);
