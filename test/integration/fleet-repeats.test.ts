import { randomBytes } from 'node:crypto';
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { encodeWord, noLists } from '../../src/cluster/word.ts';
import { exchangePath } from '../../src/receive/grpc/services.ts';
import { makeFleet, settled } from '../support/fleet.ts';
import { difference, spanIdentities } from '../support/identity.ts';
import { requestBytes } from '../support/spans.ts';

const keepAll = 'debug: true\nerror_status_codes: []\nlatency_threshold_ms: null\npolicies: []\n';
const [ok, invalidArgument, unavailable] = [0, 3, 14];

/** A member that says that it is there, and answers what it is brought as it is told to. */
async function startMember(name: string) {
  const member = { status: ok, bodies: [] as Buffer[], calls: 0, address: '' };
  const word = Buffer.from(encodeWord({ name, run: '1', isLeaving: false, adminPort: 0, ...noLists }));
  const answer = (stream: ServerHttp2Stream, status: number, message: Buffer): void => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': `${status}` }));
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    stream.end(status === ok ? Buffer.concat([prefix, message]) : undefined);
  };
  const server: Http2Server = createServer();
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => void sessions.add(session.on('error', () => {})));
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => void chunks.push(chunk));
    stream.on('end', () => {
      if (headers[':path'] === exchangePath) return answer(stream, ok, word);
      member.calls++;
      if (member.status === ok) member.bodies.push(Buffer.concat(chunks).subarray(5));
      answer(stream, member.status, Buffer.alloc(0));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  member.address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return member;
}

it('an agent brings each span once, however often its sender must repeat, and rejects what an owner never takes', async () => {
  const [b, c] = [await startMember('b'), await startMember('c')];
  const addresses = { b: b.address, c: c.address };
  const fleet = await makeFleet(['b', 'c'], 'http://127.0.0.1:1', { rules: keepAll, addresses });
  onTestFinished(() => fleet[Symbol.asyncDispose]());
  const members = { static: Object.entries(addresses).map(([name, address]) => `${name}=${address}`) };
  const agent = await fleet.startAgent({ shards: 2, cluster: { name: 'agent', members, forward_timeout: '3s' } });
  fleet.up.set('agent', agent);
  await settled(fleet, 2);
  const send = async (body: Uint8Array) => {
    // Each by a connection of its own, so that either shard may be the one that has it.
    const headers = { 'content-type': 'application/x-protobuf', connection: 'close' };
    const answer = await fetch(`http://${agent.http}/v1/traces`, { method: 'POST', headers, body: Buffer.from(body) });
    return { status: answer.status, text: Buffer.from(await answer.arrayBuffer()).toString('latin1') };
  };
  const requestOf = (name: string) =>
    requestBytes(...Array.from({ length: 40 }, () => ({ trace: randomBytes(16).toString('hex'), service: name })));
  const arrived = () => [...b.bodies, ...c.bodies].flatMap((body) => spanIdentities(body));

  const body = requestOf('first');
  c.status = unavailable;
  for (let n = 0; n < 3; n++) expect((await send(body)).status).toBe(503);
  const other = requestOf('other');
  c.status = ok;
  for (const each of [other, body]) expect(await send(each)).toEqual({ status: 200, text: '' });
  const wanted = [body, other].flatMap((each) => spanIdentities(each));
  expect(difference(arrived(), wanted)).toEqual({ extra: [], missing: [] });
  for (const { bodies } of [b, c]) expect(bodies.length).toBeGreaterThan(1);
  expect(await fleet.metric('tailgate_forwarded_spans_total', agent)).toBe(80);

  c.status = invalidArgument;
  const refused = requestOf('refused');
  const { status, text } = await send(refused);
  expect(status).toBe(200);
  const rejected = await fleet.metric('tailgate_outcome_spans_total{outcome="rejected"', agent);
  expect(rejected).toBeGreaterThan(5);
  expect(text).toContain(`${rejected} spans were rejected: c owns some of these traces`);
  const { extra, missing } = difference(arrived(), [...wanted, ...spanIdentities(refused)]);
  expect(extra).toEqual([]);
  expect(missing).toHaveLength(rejected);
  expect((await agent.status()).books).toMatchObject({ balanced: true });
}, 180_000);
