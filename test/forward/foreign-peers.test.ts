import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Security } from '../../src/export/security.ts';
import { Peer } from '../../src/forward/peer.ts';
import { tlsClient } from '../../src/tls-client/files.ts';
import { findServer, startCollector } from '../../tools/servers/start.ts';
import { grpcFailure, grpcServer } from '../export/servers.ts';
import { pairOf, tlsServer } from '../export/tls-server.ts';
import { start } from '../receive/support/receivers.ts';
import { Authority, loopback } from '../support/certificates.ts';

const peerAt = (port: number, security: Security | null = null): Peer => {
  const peer = new Peer({ address: `127.0.0.1:${port}`, security, headers: { 'x-kind': 'member' }, timeoutMs: 20_000 });
  onTestFinished(() => peer.close());
  return peer;
};

/** Messages of all sizes around frames and windows, each in pieces. */
const messages = [0, 1, 16_379, 16_384, 65_530, 65_536, 1_000_000, 3_000_000].map((length) => randomBytes(length));
const pieces = (message: Buffer): Buffer[] => {
  const third = Math.floor(message.length / 3);
  return [message.subarray(0, third), message.subarray(third, third), message.subarray(third)];
};
const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const digests = (all: readonly Uint8Array[]): string[] => all.map(digest).sort();

describe('what comes to a server of another kind is what was sent, byte for byte', () => {
  it('grpc-js', async () => {
    const server = await grpcServer(() => Buffer.alloc(0));
    const peer = peerAt(server.port);
    const sent = await Promise.all(messages.map((message) => peer.send(pieces(message), { 'tailgate-path': 'a' })));
    expect(sent.map(({ kind }) => kind)).toEqual(messages.map(() => 'taken'));
    expect(digests(server.received.map(({ body }) => body))).toEqual(digests(messages));
    expect(server.received[0].headers).toMatchObject({ 'x-kind': 'member', 'tailgate-path': 'a' });
  });

  it('grpc-js, where it refuses: what it says is understood', async () => {
    const codes = [8, 14, 3, 16, 4];
    const server = await grpcServer((_, nth) =>
      grpcFailure(codes[nth - 1], `no ✓ ${nth}`, nth === 1 ? 1_500 : undefined),
    );
    const peer = peerAt(server.port);
    const kinds: string[] = [];
    for (const _ of codes) {
      const sent = await peer.send([Buffer.from('a')], {});
      kinds.push(sent.kind);
      expect(sent.kind === 'taken' ? '' : sent.message).toContain('no ✓');
    }
    expect(kinds).toEqual(['refused', 'refused', 'rejected', 'denied', 'uncertain']);
  });

  it('nghttp2 by node:http2, in TLS as well', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tailgate-peers-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const authority = await Authority.create(folder, 'ca');
    const server = await tlsServer(
      'grpc',
      pairOf(await authority.issue('server', { usage: 'server', names: loopback })),
    );
    const { ca } = authority;
    const client = tlsClient({ ca }, { serverName: '' }, (_, message) => new Error(message));
    const peer = peerAt(server.port, new Security(() => client));
    for (const message of messages) expect(await peer.send(pieces(message), {})).toMatchObject({ kind: 'taken' });
    expect(digests(server.received)).toEqual(digests(messages));
    expect(server.connections).toHaveLength(1);
    // It asks for new connections now and then, and nothing is lost by it.
    for (let n = 0; n < 5; n++) {
      const sent = [peer.send([Buffer.from('a')], {}), peer.send([Buffer.from('b')], {})];
      server.hangUp();
      for (const { kind } of await Promise.all(sent)) expect(['taken', 'refused']).toContain(kind);
    }
  });

  it('our own, and the Collector, which is grpc-go', async () => {
    await using receiver = await start('http2');
    expect(await peerAt(receiver.port).send([new Uint8Array(0)], {})).toMatchObject({ kind: 'taken' });
    if (!('path' in findServer('otelcol'))) return;
    const collector = await startCollector({
      config: `receivers: { otlp: { protocols: { grpc: { endpoint: "\${env:OTLP_GRPC}", max_recv_msg_size_mib: 64 } } } }
exporters: { debug: {} }
service: { pipelines: { traces: { receivers: [otlp], exporters: [debug] } } }
`,
    });
    onTestFinished(() => collector.stop());
    const peer = peerAt(Number(collector.otlpGrpc.split(':').at(-1)));
    // A field that nobody knows, as long as may be: the Collector passes over it.
    const long = Buffer.concat([Buffer.from([0xfa, 0x7f, 0x80, 0x80, 0xc0, 0x02]), randomBytes(5 * 1024 * 1024)]);
    const sent = await Promise.all(Array.from({ length: 8 }, () => peer.send(pieces(long), {})));
    expect(sent.map(({ kind }) => kind)).toEqual(Array.from({ length: 8 }, () => 'taken'));
    expect(await peer.send([Buffer.from([0xff])], {})).toMatchObject({ kind: 'rejected' });
  });
});

describe('a connection that breaks', () => {
  /** Answers the calls of one byte, and does what it is told with others. */
  const member = async (others: (stream: ServerHttp2Stream, session: ServerHttp2Session) => void) => {
    const server = createServer();
    const sessions = new Set<ServerHttp2Session>();
    server.on('session', (session) => sessions.add(session.on('error', () => {})));
    server.on('stream', (stream: ServerHttp2Stream) => {
      const session = stream.session as ServerHttp2Session;
      stream.on('error', () => {});
      let bytes = 0;
      stream.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > 6) others(stream, session);
      });
      stream.on('end', () => {
        if (bytes > 6) return;
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
        stream.end(Buffer.alloc(5));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      for (const session of sessions) session.destroy();
      server.close();
    });
    return peerAt((server.address() as AddressInfo).port);
  };

  it('half way through a message leaves nobody knowing what was taken, and the next call has another one', async () => {
    const peer = await member((_, session) => session.destroy());
    expect(await peer.send([Buffer.from('a')], {})).toMatchObject({ kind: 'taken' });
    expect(await peer.send([randomBytes(500_000)], {})).toMatchObject({ kind: 'uncertain', isSilent: false });
    expect(await peer.send([Buffer.from('a')], {})).toMatchObject({ kind: 'taken' });
  });

  it('at one stream is no matter of the others', async () => {
    const peer = await member((stream) => stream.close(2));
    const sent = [peer.send([randomBytes(500_000)], {}), peer.send([Buffer.from('a')], {})];
    expect((await Promise.all(sent)).map(({ kind }) => kind)).toEqual(['uncertain', 'taken']);
  });
});
