import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import net, { type Socket } from 'node:net';
import tls from 'node:tls';
import { expect, it, onTestFinished } from 'vitest';
import { makeHome } from '../support/boot-file.ts';
import { certificateSet } from '../support/certificates.ts';
import { eventually, startGatewayProcess } from '../support/gateway.ts';
import { requestBytes } from '../support/spans.ts';

const halfOpen = 10_000;

const residentBytes = (pid: number): number =>
  1024 * Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

it(`${halfOpen} handshakes that are never ended keep no good client out, and cost little memory`, async () => {
  const tlsFiles = { cert_file: 'server.crt', key_file: 'server.key' };
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
  const receive = { http: { endpoint: '${env:TAILGATE_HTTP}' }, tls: tlsFiles };
  const home = makeHome({ shards: 1, receive }, 'debug: true\n');
  const { ca } = await certificateSet(home.directory);
  const gateway = await startGatewayProcess({ args: home.args });
  const sockets: Socket[] = [];
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await gateway.kill();
    home[Symbol.dispose]();
  });
  const port = Number(gateway.http.split(':')[1]);
  const hello = await clientHello();
  const send = (n: number): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port, ca: ca.ca, agent: false, method: 'POST', path: '/v1/traces' };
      const headers = { 'content-type': 'application/x-protobuf' };
      request({ ...options, headers }, (response) => response.resume().on('end', () => resolve(response.statusCode)))
        .on('error', reject)
        .end(Buffer.from(requestBytes({ trace: `${n}` })));
    });
  expect(await send(0)).toBe(200);
  const before = residentBytes(gateway.pid);
  const statuses: (number | undefined)[] = [];
  for (let n = 0; n < halfOpen; n += 100) {
    const batch = Array.from({ length: 100 }, (_, i) => {
      const socket = net.connect(port, '127.0.0.1').on('error', () => {});
      // A third says nothing, a third half of its first word, a third all of it and nothing after it.
      if (i % 3 > 0) socket.write(hello.subarray(0, i % 3 === 1 ? 60 : hello.length));
      return new Promise((resolve) => socket.on('connect', resolve).on('close', resolve)).then(() => socket);
    });
    sockets.push(...(await Promise.all(batch)));
    statuses.push(await send(n + 1));
  }
  expect(new Set(statuses)).toEqual(new Set([200]));
  const grown = residentBytes(gateway.pid) - before;
  console.log(`${halfOpen} half-open handshakes: ${Math.round(grown / 2 ** 20)} MiB more resident`);
  expect(grown).toBeLessThan(256 * 2 ** 20);
  await eventually(async () => {
    const metrics = await gateway.get('/metrics');
    expect(metrics).toMatch(/^tailgate_open_connections\{protocol="http"\} 0$/m);
    const ended = (reason: string) =>
      Number(new RegExp(`requests_total\\{reason="${reason}"\\} (\\d+)`).exec(metrics)?.[1]);
    expect(ended('tls_full') + ended('tls_timeout') + ended('tls_failed')).toBe(halfOpen);
  }, 90_000);
});

/** What a client says first. */
async function clientHello(): Promise<Buffer> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  const client = tls.connect({ port, host: '127.0.0.1', servername: 'localhost' }).on('error', () => {});
  const hello = await new Promise<Buffer>((resolve) => server.on('connection', (it) => it.once('data', resolve)));
  client.destroy();
  server.close();
  return hello;
}
