import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { loadBoot } from '../src/config/load.ts';
import { openCredentials } from '../src/credentials.ts';
import type { Log } from '../src/telemetry/log.ts';

const directory = mkdtempSync(join(tmpdir(), 'tailgate-credentials-'));
afterAll(() => rmSync(directory, { recursive: true }));
const token = '0123456789abcdef';
for (const name of ['both', 'browsers', 'operators']) writeFileSync(join(directory, name), `${name}: ${token}\n`);

async function open(text: string, others = 'export: [{ name: store, store: {} }]') {
  const loaded = loadBoot(`${others}\n${text}`, {
    file: join(directory, 'gateway.yaml'),
    env: {},
    cwd: directory,
  });
  if ('errors' in loaded) throw new Error(loaded.errors.join('\n'));
  const lines: unknown[] = [];
  const tell = (event: string, fields?: object): void => void lines.push({ event, ...fields });
  const log: Log = { debug: tell, info: tell, warn: tell, error: tell, lostLines: () => 0 };
  const { admin, ...senders } = await openCredentials(loaded.config, log);
  const all = [...new Set([senders.grpc, senders.http, admin])].filter((files) => files !== undefined);
  for (const files of all) files.stop();
  const values = Object.entries(senders).map(([port, { value }]) => [port, value]);
  return { all, admin, senders: () => Object.fromEntries(values), lines };
}

it('reads a file once that both protocols have, and none for a port that asks for nothing', async () => {
  const both = await open('receive: { auth: { bearer_token_file: both }, grpc: {}, http: {} }');
  expect(both.all).toHaveLength(1);
  expect(both.senders().grpc).toBe(both.senders().http);
  expect(both.admin).toBeUndefined();
  expect(JSON.stringify(both.senders())).not.toContain(token);
  expect((await open('admin: {}')).all).toEqual([]);
});

it('takes no file of more than 1 MiB, and says so', async () => {
  const lines = (bytes: number): string => {
    const each = Array.from({ length: 20_000 }, (_, i) => `t${i}: ${`${i}`.padStart(16, '0')}\n`).join('');
    return `${each}#${'x'.repeat(bytes - each.length - 2)}\n`;
  };
  const path = join(directory, 'many');
  const boot = 'receive: { auth: { bearer_token_file: many }, grpc: {} }';
  writeFileSync(path, lines(1024 * 1024));
  expect((await open(boot)).senders().grpc).toMatchObject({ tokens: { length: 20_000 } });
  writeFileSync(path, lines(1024 * 1024 + 1));
  await expect(open(boot)).rejects.toThrow(
    `receive.auth.bearer_token_file: ${path}: 1048577 bytes: expected at most 1048576`,
  );
});

it('gives a protocol its own in the place of the shared one', async () => {
  const own =
    await open(`receive: { auth: { bearer_token_file: both }, grpc: {}, http: { auth: { bearer_token_file: browsers } } }
admin: { auth: { bearer_token_file: operators } }`);
  expect(own.all.map(({ status }) => status.block)).toEqual(['receive.auth', 'receive.http.auth', 'admin.auth']);
  expect(own.senders()).toMatchObject({
    grpc: { tokens: [{ name: 'both' }] },
    http: { tokens: [{ name: 'browsers' }] },
  });
  expect(own.admin?.value).toMatchObject({ tokens: [{ name: 'operators' }] });
  const httpAlone = await open('receive: { auth: { bearer_token_file: both }, http: {} }');
  expect(Object.keys(httpAlone.senders())).toEqual(['http']);
});

it('warns of credentials that come in the clear, where others may listen', async () => {
  const receive = (host: string): string =>
    `receive: { auth: { bearer_token_file: both }, grpc: { endpoint: "${host}:4317" }, http: { endpoint: "127.0.0.1:4318" } }`;
  for (const host of ['127.0.0.2', 'localhost', '[::1]']) expect((await open(receive(host))).lines, host).toEqual([]);
  for (const host of ['0.0.0.0', '[::]', '10.0.0.7', 'gateway'])
    expect((await open(receive(host))).lines).toMatchObject([{ event: 'credentials_in_clear', port: 'grpc' }]);
  const byTls = receive('0.0.0.0').replace('receive: {', 'receive: { tls: { cert_file: a, key_file: b },');
  expect((await open(byTls)).lines).toEqual([]);
  const cluster =
    'cluster: { members: { static: ["a=10.0.0.1:4319"] }, name: a, auth: { bearer_token_file: both } }\nreceive: { grpc: {} }';
  expect((await open(cluster)).lines).toMatchObject([{ event: 'credentials_in_clear', port: 'cluster' }]);
  // No gateway comes to an agent.
  expect((await open(cluster, 'mode: agent')).lines).toEqual([]);
});
