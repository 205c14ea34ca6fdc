import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket, TlsOptions } from 'node:tls';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { readFolder } from '../../src/config/consul-read.ts';
import { consulClient } from '../../src/consul/client.ts';
import { certificateSet, type Issued } from '../support/certificates.ts';

const folder = mkdtempSync(join(tmpdir(), 'tailgate-consul-tls-'));
let certificates: Awaited<ReturnType<typeof certificateSet>>;
beforeAll(async () => {
  certificates = await certificateSet(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A Consul in TLS whose folder is empty, and which clients it was asked by. */
async function secureConsul({ cert, key }: Issued, more: TlsOptions = {}) {
  const clients: unknown[] = [];
  const server = createServer({ cert, key, ...more }, (request, response) => {
    clients.push((request.socket as TLSSocket).getPeerCertificate()?.subject?.CN);
    response.writeHead(404, { 'x-consul-index': '7' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { clients, CONSUL_HTTP_ADDR: `https://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const read = (env: Record<string, string>) =>
  readFolder(consulClient(env), 'tailgate/sampling/home')(0n, 0, new AbortController().signal);
const trusting = () => ({ CONSUL_CACERT: certificates.ca.caFile });

it('is reached where its authority is named, and shown a client certificate', async () => {
  const { server, ca, client } = certificates;
  const { clients, CONSUL_HTTP_ADDR } = await secureConsul(server, { ca: ca.ca, requestCert: true });
  const own = { CONSUL_CLIENT_CERT: client.certFile, CONSUL_CLIENT_KEY: client.keyFile };
  expect(await read({ CONSUL_HTTP_ADDR, ...trusting(), ...own })).toMatchObject({ index: 7n, entries: [] });
  expect(clients).toEqual(['sender']);
  await expect(read({ CONSUL_HTTP_ADDR, ...trusting() })).rejects.toThrow(
    'the server demands a client certificate: set CONSUL_CLIENT_CERT and CONSUL_CLIENT_KEY',
  );
});

it('may have another name, by CONSUL_TLS_SERVER_NAME', async () => {
  const { CONSUL_HTTP_ADDR } = await secureConsul(certificates.misnamedServer);
  const named = { ...trusting(), CONSUL_TLS_SERVER_NAME: 'elsewhere.test' };
  expect(await read({ CONSUL_HTTP_ADDR, ...named })).toMatchObject({ index: 7n });
});

it.each([
  ['of nobody that is known', 'server', {}, 'is of an authority that is not trusted: set CONSUL_CACERT to it'],
  ['of another authority', 'foreignServer', trusting, 'not trusted: is CONSUL_CACERT that of this server?'],
  ['that has expired', 'expiredServer', trusting, "the server's certificate has expired"],
  [
    'for another name',
    'misnamedServer',
    trusting,
    'is for elsewhere.test and not for 127.0.0.1: set CONSUL_TLS_SERVER_NAME',
  ],
] as const)('is asked nothing by a certificate %s, and it is said what to do', async (_, which, env, message) => {
  const { clients, CONSUL_HTTP_ADDR } = await secureConsul(certificates[which]);
  await expect(read({ CONSUL_HTTP_ADDR, ...(typeof env === 'function' ? env() : env) })).rejects.toThrow(message);
  expect(clients).toEqual([]);
});

it('is asked nothing by files that are no good, which are named', async () => {
  const { CONSUL_HTTP_ADDR } = await secureConsul(certificates.server);
  await expect(read({ CONSUL_HTTP_ADDR, CONSUL_CACERT: certificates.client.keyFile })).rejects.toThrow(
    `${certificates.client.keyFile}: holds no certificate: expected PEM`,
  );
});
