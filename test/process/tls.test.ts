import { readFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import tls from 'node:tls';
import { Client, credentials } from '@grpc/grpc-js';
import { expect, it, onTestFinished } from 'vitest';
import { exportPath } from '../receive/support/grpc-wire.ts';
import { makeHome, sinkExporter } from '../support/boot-file.ts';
import { certificateSet, type Issued, loopback } from '../support/certificates.ts';
import { eventually, type GatewayProcess, startGatewayProcess } from '../support/gateway.ts';
import { difference, spanIdentities } from '../support/identity.ts';
import { startSink } from '../support/otlp-sink.ts';
import { requestBytes, type Told } from '../support/spans.ts';

/** Times that the certificate is exchanged while spans are sent. */
const exchanges = 3;

/** A gateway whose three ports are for TLS, the receivers' for clients with a certificate; its files may be exchanged. */
async function startSecured(shards: string, destination: string, more: Record<string, unknown> = {}) {
  const home = makeHome(
    {
      receive: {
        // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
        grpc: { endpoint: '${env:TAILGATE_GRPC}' },
        http: { endpoint: '${env:TAILGATE_HTTP}' },
        tls: { cert_file: 'server.crt', key_file: 'server.key', client_ca_file: 'ca.crt' },
      },
      admin: {
        endpoint: '${env:TAILGATE_ADMIN}',
        // biome-ignore-end lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
        tls: { cert_file: 'server.crt', key_file: 'server.key', reload_interval: '1s' },
      },
      buffer: { decision_wait: '200ms' },
      batch: { max_age: '100ms' },
      export: [sinkExporter(destination)],
      ...more,
    },
    'debug: true\n',
  );
  const certificates = await certificateSet(home.directory);
  const gateway = await startGatewayProcess({ args: home.args, env: { TAILGATE_SHARDS: shards } });
  onTestFinished(async () => {
    await gateway.kill();
    home[Symbol.dispose]();
  });
  const ask = (path: string): Promise<string> => get(gateway.admin, path, certificates.ca.ca);
  return { gateway, certificates, ask, directory: home.directory };
}

function get(address: string, path: string, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(`https://${address}${path}`, { ca, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk)).on('end', () => resolve(text));
    });
    sent.on('error', reject).end();
  });
}

const shown = (address: string, ca: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const [host, port] = address.split(':');
    const socket = tls.connect({ host, port: Number(port), ca, servername: 'localhost' }, () => {
      resolve(socket.getPeerX509Certificate()?.serialNumber ?? '');
      socket.destroy();
    });
    socket.on('error', reject);
  });

type Send = (body: Buffer) => Promise<unknown>;

/** By one connection for all requests, or one for each. */
function grpcSender({ grpc }: GatewayProcess, ca: string, { cert, key }: Issued, isKept: boolean): Send {
  const ssl = credentials.createSsl(Buffer.from(ca), Buffer.from(key), Buffer.from(cert));
  const options = { 'grpc.use_local_subchannel_pool': isKept ? 0 : 1, 'grpc.ssl_target_name_override': 'localhost' };
  const open = () => new Client(grpc, ssl, options);
  const kept = isKept ? open() : undefined;
  onTestFinished(() => kept?.close());
  const asIs = (bytes: Buffer): Buffer => bytes;
  return (body) => {
    const client = kept ?? open();
    const deadline = Date.now() + 20_000;
    return new Promise<void>((resolve, reject) => {
      client.makeUnaryRequest(exportPath, asIs, asIs, body, { deadline }, (error) => {
        if (!isKept) client.close();
        if (error) reject(error);
        else resolve();
      });
    });
  };
}

function httpSender({ http }: GatewayProcess, ca: string, { cert, key }: Issued, isKept: boolean): Send {
  const agent = isKept ? new Agent({ keepAlive: true, maxSockets: 1 }) : new Agent({ keepAlive: false });
  onTestFinished(() => agent.destroy());
  const headers = { 'content-type': 'application/x-protobuf' };
  return (body) =>
    new Promise<void>((resolve, reject) => {
      const options = { ca, cert, key, agent, headers, method: 'POST' };
      const sent = request(`https://${http}/v1/traces`, options, (response) => {
        response.resume().on('end', () => {
          if (response.statusCode === 200) resolve();
          else reject(new Error(`HTTP ${response.statusCode}`));
        });
      });
      sent.on('error', reject).end(body);
    });
}

/** From a small span to many records of TLS. */
const spans = (sender: string, n: number): Told[] =>
  Array.from({ length: [1, 40, 300][n % 3] }, (_, i) => ({
    trace: `${n}-${i % 5}`,
    id: `${sender}-${n}-${i}`,
    service: `service-${i % 3}`,
    padding: [0, 300, 500][n % 3],
  }));

it.each(['1', '2'])(
  'what is sent with TLS to %s shards while certificates are exchanged comes out once and as itself',
  async (shards) => {
    await using sink = await startSink();
    const came: string[] = [];
    const { gateway, certificates, ask } = await startSecured(shards, sink.url);
    const { ca, client } = certificates;
    const senders: [string, Send][] = [true, false].flatMap((isKept) => [
      [`grpc ${isKept}`, grpcSender(gateway, ca.ca, client, isKept)],
      [`http ${isKept}`, httpSender(gateway, ca.ca, client, isKept)],
    ]);
    const sent: string[] = [];
    let isOver = false;
    const run = async (name: string, send: Send): Promise<void> => {
      for (let n = 0; !isOver; n++) {
        const body = Buffer.from(requestBytes(...spans(name, n)));
        await send(body);
        sent.push(...spanIdentities(body));
      }
    };
    const exchange = async (): Promise<void> => {
      for (let last = await shown(gateway.admin, ca.ca), n = 0; n < exchanges; n++) {
        await ca.issue('server', { usage: 'server', commonName: 'gateway', names: loopback });
        gateway.signal('SIGHUP');
        last = await eventually(async () => {
          const serial = await shown(gateway.admin, ca.ca);
          expect(serial).not.toBe(last);
          return serial;
        });
      }
      isOver = true;
    };
    await Promise.all([...senders.map(([name, send]) => run(name, send)), exchange()]);
    await eventually(async () => {
      const { books } = JSON.parse(await ask('/api/status'));
      expect(books).toMatchObject({ balanced: true, spans: { received: sent.length, waiting: 0, lost: 0 } });
    });
    expect(await gateway.stop()).toBe(0);
    came.push(...sink.bodies.flatMap((body) => spanIdentities(body)));
    expect(difference(came, sent)).toEqual({ extra: [], missing: [] });
    // `shown` leaves the admin port before it has heard that all is well.
    expect(gateway.events('connection_turned_away').filter(({ port }) => port !== 'admin')).toEqual([]);
  },
);

it('says in one line why new files do not count, shows the old certificate, and takes them when they fit', async () => {
  const { gateway, certificates, ask, directory } = await startSecured('2', 'http://127.0.0.1:1');
  const { ca, foreignServer } = certificates;
  const before = await shown(gateway.grpc, ca.ca).catch(() => shown(gateway.admin, ca.ca));
  writeFileSync(join(directory, 'server.key'), foreignServer.key);
  gateway.signal('SIGHUP');
  const lines = await eventually(async () => {
    const found = gateway.events('files').filter(({ level }) => level === 'warn');
    expect(found.map(({ files }) => files).sort()).toEqual(['admin.tls', 'receive.tls']);
    return found;
  });
  expect(lines[0].msg).toMatch(
    /tls: the key in key_file does not belong to the certificate in cert_file; what was read before stays in force$/,
  );
  expect(await shown(gateway.admin, ca.ca)).toBe(before);
  const metrics = await eventually(async () => {
    const text = await ask('/metrics');
    expect(text).toMatch(/^tailgate_files_failing_seconds\{files="receive.tls"\} [\d.]*[1-9]/m);
    return text;
  });
  expect(metrics).toMatch(/^tailgate_certificate_expiry_timestamp_seconds\{files="admin.tls"\} 1\d{9}/m);

  writeFileSync(join(directory, 'server.crt'), readFileSync(foreignServer.certFile));
  // By itself, for the port whose interval that is.
  const after = await eventually(() => shown(gateway.admin, certificates.otherCa.ca));
  expect(after).not.toBe(before);
  gateway.signal('SIGHUP');
  await eventually(async () => {
    const text = await get(gateway.admin, '/metrics', certificates.otherCa.ca);
    expect(text).toMatch(/^tailgate_files_failing_seconds\{files="receive.tls"\} 0$/m);
  });
  expect(await gateway.stop()).toBe(0);
});

it.each([
  ['cert_file', 'missing.crt', 'there is no such file'],
  ['key_file', 'other-ca.crt', 'holds no private key: expected PEM'],
  ['client_ca_file', 'server.key', 'holds no certificate: expected PEM'],
])('does not start where %s is %s', async (key, file, why) => {
  const files = { cert_file: 'server.crt', key_file: 'server.key', client_ca_file: 'ca.crt', [key]: file };
  const receive = { http: { endpoint: '127.0.0.1:0', tls: files } };
  const failing = startSecured('1', 'http://127.0.0.1:1', { receive });
  await expect(failing).rejects.toThrow(
    new RegExp(`ended with code 2:[^]*receive.http.tls.${key}: /.*/${file}: ${why}`),
  );
});
