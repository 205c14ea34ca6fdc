import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates, type TlsOptions } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { openOtlpExporter } from '../../src/export/export.ts';
import type { Exporter } from '../../src/model/export-request.ts';
import { readTlsClient, type TlsFiles } from '../../src/tls-client/files.ts';
import { certificateSet, type Issued } from '../support/certificates.ts';
import { configOf, failedIn, spansOf } from './fakes.ts';
import { forwardProxy } from './forward-proxy.ts';
import { pairOf, type TlsServer, tlsServer } from './tls-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'tailgate-tls-'));
let certificates: Awaited<ReturnType<typeof certificateSet>>;
beforeAll(async () => {
  certificates = await certificateSet(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const trusted = getCACertificates('default');
afterEach(() => setDefaultCACertificates(trusted));

type Protocol = 'grpc' | 'http';

interface Reaching {
  readonly files?: TlsFiles;
  readonly env?: NodeJS.ProcessEnv;
}

async function exporterTo(endpoint: string, protocol: Protocol, { files, env = {} }: Reaching): Promise<Exporter> {
  const client = files && (await readTlsClient(files));
  const config = configOf({ endpoint, protocol, initialMs: 5, maxMs: 20 });
  const exporter = await openOtlpExporter(config, { env, ...(client && { tls: () => client }) });
  onTestFinished(() => exporter.drain(0));
  return exporter;
}

/** Three spans to `endpoint`, until they have arrived or it is known why not. */
async function send(endpoint: string, protocol: Protocol, reaching: Reaching = {}) {
  const exporter = await exporterTo(endpoint, protocol, reaching);
  exporter.offer(spansOf(3));
  const { stats } = exporter;
  await vi.waitFor(() => expect(stats.exportedSpans + stats.retries).toBeGreaterThan(1), { timeout: 30_000 });
  return stats;
}

const arrived = { exportedSpans: 3, lastError: '' };
/** Nothing is lost by it: it is tried again. */
const waiting = (why: RegExp) => ({ exportedSpans: 0, queuedSpans: 3, lastError: expect.stringMatching(why) });

const mutual = (): TlsOptions => ({
  ...pairOf(certificates.server),
  ca: certificates.ca.ca,
  requestCert: true,
  rejectUnauthorized: true,
});

describe.each(['grpc', 'http'] as const)('an https:// endpoint over %s', (protocol) => {
  const server = (options: TlsOptions): Promise<TlsServer> => tlsServer(protocol, options);
  const trusting = (): TlsFiles => ({ caFile: certificates.ca.caFile });

  it('is spoken to in TLS where an authority of ca_file vouches for its address', async () => {
    const { url, received } = await server(pairOf(certificates.server));
    expect(await send(url, protocol, { files: trusting() })).toMatchObject(arrived);
    expect(received).toEqual([Buffer.from(spansOf(3).body)]);
  });

  it('is trusted by Node’s own authorities where there is no ca_file, and by those alone', async () => {
    const { url } = await server(pairOf(certificates.server));
    const why = /certificate \(CN=gateway\) is of an authority that is not trusted \(CN=Test ca\): set tls\.ca_file/;
    expect(await send(url, protocol)).toMatchObject(waiting(why));
    setDefaultCACertificates([certificates.ca.ca]);
    expect(await send(url, protocol)).toMatchObject(arrived);
  });

  it('may show what an intermediate has issued, and a key of RSA', async () => {
    const { url } = await server(pairOf(certificates.chainedServer));
    expect(await send(url, protocol, { files: trusting() })).toMatchObject(arrived);
    const rsa = await certificates.ca.issue('rsa', { usage: 'server', names: ['127.0.0.1'], key: 'rsa' });
    expect(await send((await server(pairOf(rsa))).url, protocol, { files: trusting() })).toMatchObject(arrived);
  });

  it('may have a certificate that signs itself: it is its own ca_file', async () => {
    const { ca } = certificates;
    const own = await ca.issue('self', { usage: 'server', names: ['127.0.0.1'], selfSigned: true });
    const { url } = await server(pairOf(own));
    expect(await send(url, protocol, { files: { caFile: own.certFile } })).toMatchObject(arrived);
    expect(await send(url, protocol, { files: trusting() })).toMatchObject(
      waiting(/authority that is not trusted \(CN=self\): is tls\.ca_file that of this server\?/),
    );
  });

  const wrong: [string, (all: typeof certificates) => Issued, RegExp][] = [
    ['has expired', (all) => all.expiredServer, /\(CN=gateway\) has expired: it was valid until 20\d\d-.*Z$/],
    ['is of another authority', (all) => all.foreignServer, /not trusted \(CN=Test other-ca\): is tls\.ca_file that/],
    [
      'is for another name',
      (all) => all.misnamedServer,
      /is for elsewhere\.test and not for 127\.0\.0\.1: set tls\.server_name where/,
    ],
  ];
  it.each(wrong)('gets nothing while its certificate %s, and everything once it is right', async (_, which, why) => {
    const { url, received, connections, renew } = await server(pairOf(which(certificates)));
    const exporter = await exporterTo(url, protocol, { files: trusting() });
    exporter.offer(spansOf(3));
    const { stats } = exporter;
    await vi.waitFor(() => expect(stats.retries).toBeGreaterThan(1), { timeout: 30_000 });
    expect(stats).toMatchObject(waiting(why));
    expect(received).toEqual([]);
    expect(connections.map(({ client }) => client).filter(Boolean)).toEqual([]);
    renew(pairOf(certificates.server));
    await vi.waitFor(() => expect(stats.exportedSpans).toBe(3), { timeout: 30_000 });
    expect(failedIn(stats)).toBe(0);
    expect(received).toEqual([Buffer.from(spansOf(3).body)]);
  });

  it('gets nothing before its certificate is valid', async () => {
    const soon = { notBefore: new Date(Date.now() + 3_600_000) };
    const early = await certificates.ca.issue('early', { usage: 'server', names: ['127.0.0.1'], ...soon });
    const { url } = await server(pairOf(early));
    const why = /\(CN=early\) is valid from 20\d\d-.*Z only: is the clock right\?/;
    expect(await send(url, protocol, { files: trusting() })).toMatchObject(waiting(why));
  });

  it('is told by whose certificate a chain has expired', async () => {
    const old = await certificates.ca.intermediate('old', { notAfter: new Date(Date.now() - 60_000) });
    const { url } = await server(pairOf(await old.issue('below-old', { usage: 'server', names: ['127.0.0.1'] })));
    const why = /the certificate of the server's authority \(CN=Test old\) has expired/;
    expect(await send(url, protocol, { files: trusting() })).toMatchObject(waiting(why));
  });

  it('is asked for by server_name, and must be that', async () => {
    const { url, connections } = await server(pairOf(certificates.misnamedServer));
    const files = { ...trusting(), serverName: 'elsewhere.test' };
    expect(await send(url, protocol, { files })).toMatchObject(arrived);
    expect(connections.at(-1)?.asked).toBe('elsewhere.test');
    expect(await send(url, protocol, { files: { ...files, serverName: 'nowhere.test' } })).toMatchObject(
      waiting(/is for elsewhere\.test and not for nowhere\.test/),
    );
  });

  it('may be another address by server_name, which is not asked for', async () => {
    const elsewhere = await certificates.ca.issue('address', { usage: 'server', names: ['192.0.2.7'] });
    const { url, connections } = await server(pairOf(elsewhere));
    const files = { ...trusting(), serverName: '192.0.2.7' };
    expect(await send(url, protocol, { files })).toMatchObject(arrived);
    expect(connections.at(-1)?.asked).toBe(false);
  });

  it('is shown the client certificate that it demands', async () => {
    const { url, connections } = await server(mutual());
    for (const { certFile, keyFile } of [certificates.client, certificates.chainedClient]) {
      expect(await send(url, protocol, { files: { ...trusting(), certFile, keyFile } })).toMatchObject(arrived);
    }
    expect(connections.map(({ client }) => client)).toEqual(['sender', 'sender']);
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('says what is missing where it demands one in %s', async (maxVersion) => {
    const { url, received } = await server({ ...mutual(), maxVersion });
    const why = /the server demands a client certificate: set tls\.cert_file and tls\.key_file/;
    expect(await send(url, protocol, { files: trusting() })).toMatchObject(waiting(why));
    expect(received).toEqual([]);
  });

  it('gets nothing by a client certificate that it does not take', async () => {
    const { url, received } = await server(mutual());
    for (const { certFile, keyFile } of [certificates.expiredClient, certificates.foreignClient]) {
      const stats = await send(url, protocol, { files: { ...trusting(), certFile, keyFile } });
      // This server closes the connection without a word.
      expect(stats).toMatchObject(waiting(/./));
    }
    expect(received).toEqual([]);
  });

  it('is reached in a tunnel where a proxy is named, which sees nothing of it', async () => {
    const { port, connections, received } = await server(mutual());
    const proxy = await forwardProxy(port);
    const { certFile, keyFile } = certificates.client;
    const files = { ...trusting(), certFile, keyFile, serverName: 'localhost' };
    const env = { HTTPS_PROXY: proxy.url };
    expect(await send('https://otlp.test:4317', protocol, { files, env })).toMatchObject(arrived);
    expect(proxy.asked).toEqual([{ method: 'CONNECT', target: 'otlp.test:4317', authorization: undefined }]);
    expect(connections).toEqual([{ asked: 'localhost', client: 'sender' }]);
    expect(received).toEqual([Buffer.from(spansOf(3).body)]);
  });

  it('that takes connections and never says a word is left again, each time', async () => {
    const [opened, closed] = [new Set<unknown>(), new Set<unknown>()];
    const silent = createServer((socket) => {
      opened.add(socket);
      socket.on('error', () => {}).on('close', () => closed.add(socket));
      socket.resume();
    });
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void silent.close());
    const { port } = silent.address() as { port: number };
    const config = configOf({
      endpoint: `https://127.0.0.1:${port}`,
      protocol,
      initialMs: 5,
      maxMs: 20,
      timeoutMs: 200,
    });
    const exporter = await openOtlpExporter(config);
    exporter.offer(spansOf(3));
    const { stats } = exporter;
    await vi.waitFor(() => expect(stats.retries).toBeGreaterThan(2), { timeout: 30_000 });
    expect(stats).toMatchObject(waiting(/^(UNAVAILABLE: )?no (answer|HTTP\/2 from it) within \d+ ms$/));
    await exporter.drain(0);
    await vi.waitFor(() => expect(closed.size).toBe(opened.size), { timeout: 30_000 });
    expect(opened.size).toBeGreaterThan(0);
  });

  it('that speaks no TLS is told from one that does', async () => {
    const plain = createServer((socket) => void socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void plain.close());
    const { port } = plain.address() as { port: number };
    const why = /the server speaks no TLS: does the address begin with http:\/\/\?/;
    expect(await send(`https://127.0.0.1:${port}`, protocol)).toMatchObject(waiting(why));
  });
});

it('HTTP/2 is asked for, and a server that has none is told', async () => {
  const { url } = await tlsServer('http', { ...pairOf(certificates.server), ALPNProtocols: ['http/1.1'] });
  const stats = await send(url, 'grpc', { files: { caFile: certificates.ca.caFile } });
  expect(stats).toMatchObject(waiting(/not the protocol that is wanted in it \(ALPN\)/));
});

describe('the files of a client', () => {
  const read = (files: TlsFiles) => readTlsClient(files).then(() => 'good', String);
  const written = (name: string, text: string) => {
    const file = join(folder, name);
    writeFileSync(file, text);
    return file;
  };

  it('are told by name where one is no good', async () => {
    const { client, ca, foreignClient } = certificates;
    const cut = written('cut.crt', ca.ca.replace(/\n.{10}/, '\n'));
    expect(await read({ caFile: join(folder, 'absent') })).toMatch(/no such file.*absent/);
    expect(await read({ caFile: client.keyFile })).toMatch(/client\.key: holds no certificate: expected PEM/);
    expect(await read({ caFile: cut })).toMatch(/cut\.crt: certificate 1 in it cannot be read/);
    expect(await read({ certFile: client.certFile, keyFile: client.certFile })).toMatch(
      /client\.crt: holds no private key/,
    );
    expect(await read({ certFile: client.certFile, keyFile: foreignClient.keyFile })).toMatch(
      /the key does not belong to the certificate/,
    );
    const locked = written('locked.key', '-----BEGIN ENCRYPTED PRIVATE KEY-----\n');
    expect(await read({ certFile: client.certFile, keyFile: locked })).toMatch(/locked\.key: is encrypted/);
    expect(await read({ certFile: client.certFile, keyFile: client.keyFile })).toBe('good');
  });

  it('hold several authorities, of which each counts', async () => {
    const both = written('both.crt', certificates.otherCa.ca + certificates.ca.ca);
    const { url } = await tlsServer('http', pairOf(certificates.server));
    expect(await send(url, 'http', { files: { caFile: both } })).toMatchObject(arrived);
    const { url: other } = await tlsServer('http', pairOf(certificates.foreignServer));
    expect(await send(other, 'http', { files: { caFile: both } })).toMatchObject(arrived);
  });
});
