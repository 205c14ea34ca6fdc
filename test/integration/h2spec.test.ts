import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Connection } from '../../src/receive/http2/connection.ts';
import { encodeHeaders } from '../../src/receive/http2/encode-headers.ts';
import { Listener } from '../../src/receive/listener.ts';
import { createSocketServer, readSocket } from '../../src/receive/read-sockets.ts';
import type { ServerCredentials } from '../../src/receive/server-credentials.ts';
import { findServer } from '../../tools/servers/start.ts';
import { start } from '../receive/support/receivers.ts';
import { certificates, credentialsOf } from '../receive/support/transport.ts';

const credentials = credentialsOf(certificates.server);

/** h2spec's own tests of a server, all of them: what its strict mode adds as well. */
const found = findServer('h2spec');
const missing = 'path' in found ? '' : Object.values(found)[0];
const skip = missing !== '' && process.env.CI !== 'true';
if (skip) process.stderr.write(`\nSKIPPED: EVERY TEST BY H2SPEC: ${missing}\n\n`);

interface Case {
  /** Section and description, e.g. `http2/6.7 Sends a PING frame`. */
  readonly name: string;
  /** Empty where it passed; `skipped`, or what was expected and what came. */
  readonly trouble: string;
}

const asText = (text: string): string =>
  text.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(code)).replaceAll('&amp;', '&');

/** Runs h2spec against a port of this machine. It ends with 1 where a test failed, which its report says better. */
async function h2spec(port: number, tls?: ServerCredentials): Promise<Case[]> {
  if (!('path' in found)) return [];
  const folder = mkdtempSync(join(tmpdir(), 'tailgate-h2spec-'));
  const report = join(folder, 'report.xml');
  const secured = tls ? ['--tls', '--insecure'] : [];
  const args = ['--strict', '--timeout', '2', ...secured, '--port', String(port), '--junit-report', report];
  await new Promise((resolve) => execFile(found.path, args, resolve));
  const xml = readFileSync(report, 'utf8');
  rmSync(folder, { recursive: true });
  const each = /<testcase package="([^"]*)" classname="([^"]*)"[^>]*>([\s\S]*?)<\/testcase>/g;
  return [...xml.matchAll(each)].map(([, section, description, inside]) => ({
    name: asText(`${section} ${description}`),
    trouble: inside.includes('<skipped>') ? 'skipped' : asText(inside.replace(/<[^>]*>/g, '').trim()),
  }));
}

/** Our HTTP/2 behind a server that takes a request whole and answers with a few bytes: what h2spec has in mind. */
async function askPlainServer(tls?: ServerCredentials): Promise<Case[]> {
  const head = encodeHeaders({ ':status': '200' });
  const trailers = encodeHeaders({ 'grpc-status': '0' });
  const serve = (accepted: Socket): void => {
    const socket = readSocket(accepted, (bytes, length) => {
      connection.read(bytes, length);
      return true;
    });
    const connection = new Connection({
      serve: (stream) => ({
        data: () => {},
        end: () => {
          stream.respond(head);
          stream.write(Buffer.from('hello'));
          stream.end(trailers);
        },
        close: () => {},
      }),
      send: (bytes) => void socket.write(bytes),
      finished: () => void socket.end(),
      now: Date.now,
    });
    socket.on('end', () => connection.endOfInput());
    socket.on('error', () => {});
    socket.on('close', () => connection.close());
  };
  const turnedAway = { refused: () => {}, farewell: () => Buffer.alloc(0) };
  const listener = new Listener({ protocol: 'h2', connections: undefined, secured: serve, ...turnedAway }, tls);
  const server = createSocketServer((accepted) => listener.accept(accepted));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cases = await h2spec((server.address() as AddressInfo).port, tls);
  server.close();
  return cases;
}

const told = [
  { how: 'in plain', tls: undefined, cases: await askPlainServer() },
  { how: 'with TLS', tls: credentials, cases: await askPlainServer(credentials) },
];

describe.skipIf(skip).each(told)('h2spec $how', ({ tls, cases }) => {
  it('is there, and has all its tests', () => {
    expect(missing).toBe('');
    expect(cases).toHaveLength(146);
  });

  describe('of our HTTP/2', () => {
    it.each(cases)('$name', ({ trouble }) => {
      expect(trouble).toBe('');
    });
  });

  it('of the gRPC receiver, but for what cannot be seen of one that answers 405 to a request as soon as its head has come', async () => {
    await using gateway = await start('http2', tls ? { tls } : {});
    const troubled = (await h2spec(gateway.port, tls)).filter(({ trouble }) => trouble !== '');
    const noBody = [
      'generic/2 Sends a WINDOW_UPDATE frame on half-closed (remote) stream',
      'generic/2 Sends a PRIORITY frame on half-closed (remote) stream',
      'http2/5.1.2 Sends HEADERS frames that causes their advertised concurrent stream limit to be exceeded',
      'http2/6.5.3 Sends multiple values of SETTINGS_INITIAL_WINDOW_SIZE',
      'http2/6.9.1 Sends SETTINGS frame to set the initial window size to 1 and sends HEADERS frame',
      'http2/6.9.2 Changes SETTINGS_INITIAL_WINDOW_SIZE after sending HEADERS frame',
      'http2/6.9.2 Sends a SETTINGS frame for window size to be negative',
    ];
    const overBeforeTheFault = [
      'http2/6.9 Sends a WINDOW_UPDATE frame with a flow control window increment of 0 on a stream',
      'http2/6.9.1 Sends multiple WINDOW_UPDATE frames increasing the flow control window to above 2^31-1 on a stream',
      'http2/8.1 Sends a second HEADERS frame without the END_STREAM flag',
      'http2/8.1.2.1 Sends a HEADERS frame that contains a pseudo-header field as trailers',
      'http2/8.1.2.6 Sends a HEADERS frame with the "content-length" header field which does not equal the DATA frame payload length',
      'http2/8.1.2.6 Sends a HEADERS frame with the "content-length" header field which does not equal the sum of the multiple DATA frames payload length',
    ];
    expect(troubled.map(({ name }) => name).sort()).toEqual([...noBody, ...overBeforeTheFault].sort());
  });
});
