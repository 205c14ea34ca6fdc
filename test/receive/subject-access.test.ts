import http2 from 'node:http2';
import https from 'node:https';
import { describe, expect, it } from 'vitest';
import { openAccess } from '../../src/receive/access.ts';
import { SubjectAccess } from '../../src/receive/subject-access.ts';
import type { Issued } from '../support/certificates.ts';
import { ended, frame, open } from './support/grpc-wire.ts';
import { ParsingIntake } from './support/intake.ts';
import { type Kind, refusals, start } from './support/receivers.ts';
import { requestOf } from './support/requests.ts';
import { certificates, credentialsOf } from './support/transport.ts';

const { ca, server, client, chainedClient } = certificates;
const message = requestOf(2);
const trusted = { ca: ca.ca, servername: 'localhost' };

/** Two requests of one connection: their gRPC or HTTP statuses. */
async function send(kind: Kind, port: number, { cert, key }: Issued, target = '/v1/traces'): Promise<number[]> {
  if (kind !== 'http') {
    const session = http2.connect(`https://127.0.0.1:${port}`, { ...trusted, cert, key });
    session.on('error', () => {});
    const statuses: number[] = [];
    for (let n = 0; n < 2; n++) {
      const stream = open(session);
      const end = ended(stream);
      stream.end(frame(message));
      statuses.push((await end).status);
    }
    session.close();
    return statuses;
  }
  const agent = new https.Agent({ ...trusted, cert, key, keepAlive: true, maxSockets: 1 });
  const statuses: number[] = [];
  for (let n = 0; n < 2; n++) statuses.push(await post(agent, port, target));
  agent.destroy();
  return statuses;
}

function post(agent: https.Agent, port: number, path: string): Promise<number> {
  const headers = { 'content-type': 'application/x-protobuf' };
  return new Promise((resolve, reject) => {
    const sent = https.request({ agent, host: '127.0.0.1', port, method: 'POST', path, headers }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    });
    sent.on('error', reject).end(message);
  });
}

describe.each([
  ['http2', '', 0, 7],
  ['grpc-js', '', 0, 7],
  ['http', '/v1/traces', 200, 403],
  ['http', '/v1/traces?', 200, 403],
] as const)('%s %s', (kind, target, taken, denied) => {
  it.each([
    ['the common name', ['sender'], client, true],
    ['a DNS name, of several', ['shop.test', 'sender.test'], client, true],
    ['a wildcard', ['*.test'], client, true],
    ['a URI', ['spiffe://test/sender'], client, true],
    ['another name', ['shop.test', '*.sender.test'], client, false],
    ['its name, through an intermediate', ['sender.test'], chainedClient, true],
  ] as const)('by %s', async (_what, names, certificate, mayCome) => {
    const intake = new ParsingIntake();
    await using gateway = await start(kind, {
      access: new SubjectAccess(names, openAccess(intake)),
      tls: credentialsOf(server, ca.ca),
    });
    const statuses = await send(kind, gateway.port, certificate, target);
    expect(statuses).toEqual(mayCome ? [taken, taken] : [denied, denied]);
    expect(intake.took(...(mayCome ? [message, message] : []))).toBe(true);
    expect(refusals(gateway.stats)).toEqual(mayCome ? {} : { permission_denied: 2 });
  });
});
