import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket, TlsOptions } from 'node:tls';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { obsctl } from '../../../src/cli/obsctl/obsctl.ts';
import { certificateSet, type Issued } from '../../support/certificates.ts';
import { fakeProcess } from '../fake-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'tailgate-obsctl-tls-'));
let certificates: Awaited<ReturnType<typeof certificateSet>>;
beforeAll(async () => {
  certificates = await certificateSet(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A store in TLS that finds nothing, and whom it was asked by. */
async function secureStore({ cert, key }: Issued, more: TlsOptions = {}) {
  const clients: unknown[] = [];
  const server = createServer({ cert, key, ...more }, (request, response) => {
    clients.push((request.socket as TLSSocket).getPeerCertificate()?.subject?.CN);
    response.end('{"traces":[]}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { clients, url: `https://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function find(url: string, args: readonly string[] = [], env: Record<string, string> = {}) {
  const process = fakeProcess({ now: () => Date.parse('2026-11-25T17:00:00Z'), env });
  const code = await obsctl(['trace', 'find', '--tempo', url, ...args], process);
  return { code, err: process.err };
}

it('asks in TLS where the authority is named, by flag or variable', async () => {
  const { url } = await secureStore(certificates.server);
  const { caFile } = certificates.ca;
  expect((await find(url, ['--ca-file', caFile])).code).toBe(3);
  expect((await find(url, [], { OBSCTL_CA_FILE: caFile })).code).toBe(3);
});

it('shows its certificate to a store that demands one', async () => {
  const { url, clients } = await secureStore(certificates.server, { ca: certificates.ca.ca, requestCert: true });
  const { certFile, keyFile } = certificates.client;
  const args = ['--ca-file', certificates.ca.caFile, '--cert-file', certFile, '--key-file', keyFile];
  expect((await find(url, args)).code).toBe(3);
  expect(clients).toEqual(['sender']);
  const { code, err } = await find(url, args.slice(0, 2));
  expect(code).toBe(1);
  expect(err).toContain('the server demands a client certificate: set --cert-file and --key-file');
});

it.each([
  ['of nobody that it knows', 'server', [], 'authority that is not trusted (CN=Test ca): set --ca-file to it'],
  ['that has expired', 'expiredServer', ['--ca-file', 'ca.crt'], 'has expired: it was valid until'],
  [
    'for another name',
    'misnamedServer',
    ['--ca-file', 'ca.crt'],
    'is for elsewhere.test and not for 127.0.0.1: set --s',
  ],
] as const)('refuses a certificate %s, and says what to do', async (_, which, args, message) => {
  const { url } = await secureStore(certificates[which]);
  const given = args.map((arg) => (arg === 'ca.crt' ? certificates.ca.caFile : arg));
  const { code, err } = await find(url, given);
  expect(code).toBe(1);
  expect(err).toContain(`obsctl: cannot reach ${url}: the server's certificate (CN=gateway)`);
  expect(err).toContain(message);
  expect(err.trim().split('\n')).toHaveLength(1);
});

it('takes the name that it is told', async () => {
  const { url } = await secureStore(certificates.misnamedServer);
  const args = ['--ca-file', certificates.ca.caFile, '--server-name', 'elsewhere.test'];
  expect((await find(url, args)).code).toBe(3);
});

it('names a file that is no good, as usage', async () => {
  const { url } = await secureStore(certificates.server);
  const { certFile, keyFile } = certificates.client;
  expect(await find(url, ['--ca-file', keyFile])).toMatchObject({
    code: 2,
    err: expect.stringContaining(`${keyFile}: holds no certificate`),
  });
  expect(await find(url, ['--cert-file', certFile])).toMatchObject({
    code: 2,
    err: expect.stringContaining('of --cert-file and --key-file one is given'),
  });
  expect((await find(url, ['--ca-file', join(folder, 'absent')])).code).toBe(2);
});
