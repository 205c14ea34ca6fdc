import http2 from 'node:http2';
import https from 'node:https';
import net, { type Socket } from 'node:net';
import tls, { type ConnectionOptions, type TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { openAccess } from '../../src/receive/access.ts';
import type { Subject } from '../../src/receive/peer.ts';
import { ended, frame, open } from './support/grpc-wire.ts';
import { ParsingIntake } from './support/intake.ts';
import { type Kind, refusals, type Started, start, until } from './support/receivers.ts';
import { encodeReference, requestJson } from './support/requests.ts';
import { certificates, credentialsOf } from './support/transport.ts';

const { ca, otherCa, server, foreignServer, chainedServer } = certificates;
const request = encodeReference(requestJson());
const trusted = { ca: ca.ca, servername: 'localhost' };

interface Client extends ConnectionOptions {
  readonly cert?: string;
  readonly key?: string;
}

/** Sends one request on a connection of its own; its status, 0 where there was no answer. */
async function send(kind: Kind, port: number, client: Client = {}): Promise<number> {
  return kind === 'http' ? sendHttp(port, client) : sendGrpc(port, client);
}

async function sendGrpc(port: number, client: Client): Promise<number> {
  const session = http2.connect(`https://127.0.0.1:${port}`, { ...trusted, ...client });
  session.on('error', () => {});
  const stream = open(session);
  const end = ended(stream);
  stream.end(frame(request));
  const { http } = await end;
  session.destroy();
  return http || 0;
}

function sendHttp(port: number, client: Client): Promise<number> {
  const headers = { 'content-type': 'application/x-protobuf' };
  const options = { ...trusted, ...client, host: '127.0.0.1', port, method: 'POST', path: '/v1/traces', headers };
  return new Promise((resolve) => {
    const sent = https.request({ ...options, agent: false }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    });
    sent.on('error', () => resolve(0)).end(request);
  });
}

/** What a connection brings until it is closed, whatever it says. */
function heard(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => {});
  return new Promise((resolve) => socket.on('close', () => resolve(Buffer.concat(chunks))));
}

/** A connection whose handshake is done, as far as the client knows. */
async function secure(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = tls.connect({ host: '127.0.0.1', port, ...trusted, ...options });
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('secureConnect', resolve).once('close', resolve));
  return socket;
}

const kinds: readonly Kind[] = ['http2', 'http', 'grpc-js'];
const ours: readonly Kind[] = ['http2', 'http'];

describe.each(kinds)('%s with TLS', (kind) => {
  const plain = credentialsOf(server);
  const mutual = credentialsOf(server, ca.ca);

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('takes requests by %s', async (version) => {
    await using gateway = await start(kind, { tls: plain });
    expect(await send(kind, gateway.port, { minVersion: version, maxVersion: version })).toBe(200);
    expect(gateway.intake.accepted.length).toBe(1);
  });

  it('speaks nothing older', async () => {
    await using gateway = await start(kind, { tls: plain });
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    expect(await send(kind, gateway.port, old)).toBe(0);
  });

  it('shows its whole chain', async () => {
    await using gateway = await start(kind, { tls: credentialsOf(chainedServer) });
    expect(await send(kind, gateway.port)).toBe(200);
  });

  it('lets in whose certificate its authority has issued, and knows who it is', async () => {
    const subjects: (Subject | undefined)[] = [];
    const intake = new ParsingIntake();
    const access = {
      ...openAccess(intake),
      admit: ({ peer }: { peer: { subject?: Subject } }) => {
        subjects.push(peer.subject);
        return intake;
      },
    };
    await using gateway = await start(kind, { tls: mutual, access });
    const { client, chainedClient } = certificates;
    expect(await send(kind, gateway.port, client)).toBe(200);
    expect(await send(kind, gateway.port, { cert: chainedClient.cert, key: chainedClient.key })).toBe(200);
    expect(subjects[0]).toEqual({ commonName: 'sender', names: ['DNS:sender.test', 'URI:spiffe://test/sender'] });
    expect(subjects[1]).toEqual(subjects[0]);
  });

  it.each([
    ['none', {}, 'it showed none'],
    ['an expired one', certificates.expiredClient, 'CERT_HAS_EXPIRED'],
    ['one of another authority', certificates.foreignClient, /UNABLE_TO_|SELF_SIGNED/],
    ['a server’s', { cert: server.cert, key: server.key }, 'INVALID_PURPOSE'],
  ])('refuses who shows %s', async (_, { cert, key }: Client, why) => {
    await using gateway = await start(kind, { tls: mutual });
    const client = cert === undefined ? {} : { cert, key: key as string };
    expect(await send(kind, gateway.port, client)).not.toBe(200);
    if (kind === 'grpc-js') return;
    expect(refusals(gateway.stats)).toEqual({ client_certificate: 1 });
    expect(gateway.turnedAway.join()).toMatch(why);
    await until(() => gateway.connections.stats.open === 0);
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'refuses who resumes by %s a session in which it showed none',
    async (version) => {
      await using gateway = await start(kind, { tls: mutual });
      const protocol = {
        minVersion: version,
        maxVersion: version,
        ALPNProtocols: [kind === 'http' ? 'http/1.1' : 'h2'],
      };
      const first = tls.connect({ host: '127.0.0.1', port: gateway.port, ...trusted, ...protocol });
      let session: Buffer | undefined;
      first.on('session', (it) => {
        session = it;
      });
      await heard(first);
      if (session !== undefined) expect(await send(kind, gateway.port, { ...protocol, session })).not.toBe(200);
      expect(gateway.intake.accepted.length).toBe(0);
      if (kind !== 'grpc-js') expect(session).toBeDefined();
    },
  );

  it('shows another certificate from one moment to the next, while open connections stay', async () => {
    await using gateway = await start(kind, { tls: plain });
    const session = kind === 'http' ? undefined : http2.connect(`https://127.0.0.1:${gateway.port}`, trusted);
    const before = session ? await callOn(session) : undefined;
    gateway.receiver.renew(credentialsOf(foreignServer));
    expect(await send(kind, gateway.port)).toBe(0);
    expect(await send(kind, gateway.port, { ca: otherCa.ca })).toBe(200);
    if (session) {
      expect([before, await callOn(session)]).toEqual([200, 200]);
      session.destroy();
    }
  });

  it('asks for certificates of another authority from one moment to the next, of resumed sessions too', async () => {
    await using gateway = await start(kind, { tls: mutual });
    const { cert, key } = certificates.client;
    const first = await secure(gateway.port, { cert, key, ...alpnOf(kind), maxVersion: 'TLSv1.2' });
    const session = first.getSession();
    const again = await secure(gateway.port, { cert, key, ...alpnOf(kind), maxVersion: 'TLSv1.2', session });
    expect(again.isSessionReused()).toBe(true);
    for (const socket of [first, again]) socket.destroy();
    gateway.receiver.renew(credentialsOf(server, otherCa.ca));
    const late = await secure(gateway.port, { cert, key, ...alpnOf(kind), maxVersion: 'TLSv1.2', session });
    expect(late.isSessionReused()).not.toBe(true);
    late.destroy();
    expect(await send(kind, gateway.port, { cert, key })).not.toBe(200);
    const { foreignClient } = certificates;
    expect(await send(kind, gateway.port, { cert: foreignClient.cert, key: foreignClient.key })).toBe(200);
  });
});

const alpnOf = (kind: Kind) => ({ ALPNProtocols: [kind === 'http' ? 'http/1.1' : 'h2'] });

async function callOn(session: http2.ClientHttp2Session): Promise<number> {
  const stream = open(session);
  const end = ended(stream);
  stream.end(frame(request));
  return (await end).http;
}

describe.each(ours)('%s with TLS', (kind) => {
  const credentials = credentialsOf(server);

  it.each([
    [undefined, { http2: false, http: false }],
    [['h2', 'http/1.1'], { http2: 'h2', http: 'http/1.1' }],
    [['http/1.1', 'h2'], { http2: 'h2', http: 'http/1.1' }],
  ])('of the protocols %j that a client names, takes its own', async (names, taken) => {
    await using gateway = await start(kind, { tls: credentials });
    const socket = await secure(gateway.port, names && { ALPNProtocols: names });
    expect(socket.alpnProtocol).toBe(taken[kind as 'http2' | 'http']);
    expect(socket.getCipher().name).toBe('TLS_AES_128_GCM_SHA256');
    socket.destroy();
  });

  it('ends the handshake of a client that speaks none of its protocols', async () => {
    await using gateway = await start(kind, { tls: credentials });
    const socket = tls.connect({ port: gateway.port, host: '127.0.0.1', ...trusted, ALPNProtocols: ['spdy/3'] });
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => socket.on('error', resolve));
    expect(error.code).toBe('ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL');
    expect(refusals(gateway.stats)).toEqual({ tls_failed: 1 });
    await until(() => gateway.connections.stats.open === 0);
  });

  it('tells a client that speaks in plain that the port is for TLS', async () => {
    await using gateway = await start(kind, { tls: credentials });
    const socket = net.connect(gateway.port, '127.0.0.1');
    const answer = heard(socket);
    socket.write(kind === 'http' ? 'POST /v1/traces HTTP/1.1\r\n' : 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    const words = 'this port is for TLS: the client spoke without';
    const head = kind === 'http' ? 'HTTP/1.1 400 ' : '\0\0\0\x04';
    expect((await answer).toString('latin1')).toMatch(new RegExp(`^${head}[^]*${words}`));
    expect(refusals(gateway.stats)).toEqual({ plain_on_tls: 1 });
    await until(() => gateway.connections.stats.open === 0);
  });

  it('without TLS counts a client that speaks it', async () => {
    await using gateway = await start(kind);
    const socket = tls.connect({ port: gateway.port, host: '127.0.0.1', ...trusted });
    await new Promise((resolve) => socket.on('error', resolve));
    await until(() => gateway.connections.stats.open === 0);
    expect(refusals(gateway.stats)).toEqual({ tls_on_plain: 1 });
    if (kind !== 'grpc-js') expect(gateway.turnedAway).toEqual([expect.stringMatching(/^tls_on_plain: .*without TLS/)]);
  });

  it('takes no second handshake on a connection', async () => {
    await using gateway = await start(kind, { tls: credentials });
    const socket = await secure(gateway.port, { maxVersion: 'TLSv1.2' });
    const closed = heard(socket);
    const refused = await new Promise((resolve) => {
      socket.renegotiate({ rejectUnauthorized: false }, (error) => resolve(error?.message));
      socket.on('close', () => resolve('closed'));
    });
    expect(refused).toMatch(/no renegotiation|closed/);
    socket.destroy();
    await closed;
    expect(await send(kind, gateway.port)).toBe(200);
  });

  it.each([
    ['none', undefined],
    ['one that it does not know', 'elsewhere.test'],
    ['a very long one', `${'a'.repeat(63)}.`.repeat(3)],
    ['one with odd characters', 'a_b..%00'],
  ])('answers who asks for %s by name', async (_, servername) => {
    await using gateway = await start(kind, { tls: credentials });
    const options = { ...(servername && { servername }), checkServerIdentity: () => undefined };
    expect(await send(kind, gateway.port, { servername: '', ...options })).toBe(200);
  });

  it('is not troubled by a port that is only knocked at', async () => {
    await using gateway = await start(kind, { tls: credentials });
    for (const leave of ['end', 'resetAndDestroy'] as const) {
      const socket = net.connect(gateway.port, '127.0.0.1');
      await until(() => gateway.connections.stats.open === 1);
      socket[leave]();
      await until(() => gateway.connections.stats.open === 0);
    }
    expect([refusals(gateway.stats), gateway.turnedAway]).toEqual([{}, []]);
  });

  it('survives handshakes that break off, or turn to nonsense, at every place', async () => {
    await using gateway = await start(kind, { tls: credentials });
    const hello = await clientHello();
    const places = [1, 2, 4, 5, 6, 9, 40, hello.length - 1, hello.length];
    const nonsense = (at: number): Buffer => {
      const bytes = Buffer.concat([hello, Buffer.alloc(64, 0x55)]);
      return bytes.fill(0xaa, at, at + 30);
    };
    for (const at of places) {
      for (const bytes of [hello.subarray(0, at), nonsense(at)]) {
        const socket = net.connect(gateway.port, '127.0.0.1').on('error', () => {});
        socket.end(bytes);
        socket.resume();
        await new Promise((resolve) => socket.on('close', resolve));
      }
    }
    await until(() => gateway.connections.stats.open === 0);
    const { tls_failed: failed, ...others } = refusals(gateway.stats);
    expect([failed, others]).toEqual([2 * places.length, {}]);
    expect(await send(kind, gateway.port)).toBe(200);
    expect(gateway.errors).toEqual([]);
  });

  it('stops at once, whoever is in the middle of a handshake', async () => {
    const gateway: Started = await start(kind, { tls: credentials });
    const sockets = [Buffer.alloc(0), (await clientHello()).subarray(0, 40)].map((bytes) => {
      const socket = net.connect(gateway.port, '127.0.0.1').on('error', () => {});
      socket.write(bytes);
      return heard(socket);
    });
    await until(() => gateway.connections.stats.open === 2);
    await gateway[Symbol.asyncDispose]();
    await Promise.all(sockets);
    await until(() => gateway.connections.stats.open === 0);
  });
});

/** What a client says first. */
async function clientHello(): Promise<Buffer> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  const client = tls.connect({ port, host: '127.0.0.1', ...trusted }).on('error', () => {});
  const hello = await new Promise<Buffer>((resolve) => server.on('connection', (it) => it.once('data', resolve)));
  client.destroy();
  server.close();
  return hello;
}
