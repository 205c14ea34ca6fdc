import http2 from 'node:http2';
import { describe, expect, it } from 'vitest';
import type { Credentials } from '../../src/access/credential.ts';
import { newKey } from '../../src/access/digest.ts';
import { parsePasswordFile } from '../../src/access/password-file.ts';
import { parseTokenFile } from '../../src/access/token-file.ts';
import { openAccess } from '../../src/receive/access.ts';
import { CheckedAccess } from '../../src/receive/checked-access.ts';
import { healthService, methodNeeds, reflectionServices, traceService } from '../../src/receive/grpc/services.ts';
import { call, connect, type Ended, ended, exportPath, frame, open } from './support/grpc-wire.ts';
import { post, Wire } from './support/http-wire.ts';
import { ParsingIntake } from './support/intake.ts';
import { refusals, start, until } from './support/receivers.ts';
import { requestOf } from './support/requests.ts';
import { scheme } from './support/transport.ts';

const key = newKey();
const [current, retired] = ['0123456789abcdef-current', '0123456789abcdef-retired'];
const tokens = (text: string): Credentials => ({
  scheme: 'bearer',
  key,
  tokens: parseTokenFile(text, key, { scopes: false }),
});
const both = tokens(`new: ${current}\nold: ${retired}`);
const users = (text: string): Credentials => ({ scheme: 'basic', key, users: parsePasswordFile(text) });
const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`;
const message = requestOf(2);

/** What may come as Authorization, and whether it gets in. */
const headers: readonly (readonly [what: string, value: string | undefined, mayCome: boolean])[] = [
  ['no header', undefined, false],
  ['a right token', `Bearer ${current}`, true],
  ['another right token', `bearer  ${retired}`, true],
  ['a wrong token', `Bearer ${current}x`, false],
  ['the beginning of a token', `Bearer ${current.slice(0, -1)}`, false],
  ['a token in other case', `Bearer ${current.toUpperCase()}`, false],
  ['no token', 'Bearer', false],
  ['a token of blanks', 'Bearer    ', false],
  ['an empty header', '', false],
  ['the name of a token', 'Bearer new', false],
  ['a token without a scheme', current, false],
  ['a token in another scheme', `Token ${current}`, false],
  ['a token as a password', basic(`new:${current}`), false],
  ['two tokens in one', `Bearer ${current}, Bearer ${current}`, false],
  ['a token of 15,000 characters', `Bearer ${'x'.repeat(15_000)}`, false],
];

/** What every method asks of its caller. Whoever adds one says here who may call it. */
const needs: Readonly<Record<string, 'sender' | 'caller' | 'nobody'>> = {
  '/opentelemetry.proto.collector.trace.v1.TraceService/Export': 'sender',
  '/grpc.health.v1.Health/Check': 'nobody',
  '/grpc.health.v1.Health/Watch': 'nobody',
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo': 'caller',
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo': 'caller',
};

it('says of every method who may call it', () => {
  expect(Object.fromEntries(methodNeeds)).toEqual(needs);
  const services = Object.keys(needs).map((path) => path.split('/')[1]);
  expect(new Set(services)).toEqual(new Set([traceService, healthService, ...reflectionServices]));
});

describe.each(['http2', 'grpc-js'] as const)('%s', (kind) => {
  it.each(headers)('answers at every method to %s what it may hear', async (_what, authorization, mayCome) => {
    await using gateway = await start(kind, { access: new CheckedAccess(both, openAccess(new ParsingIntake())) });
    const session = await connect(gateway.port);
    for (const [path, need] of [...Object.entries(needs), ['/grpc.health.v1.Health/List', 'none'], ['/', 'none']]) {
      const stream = open(session, { ':path': path, ...(authorization !== undefined && { authorization }) });
      const first = new Promise<number>((resolve) => {
        stream.on('response', (answer) => resolve(Number(answer['grpc-status'] ?? 0)));
        stream.on('trailers', (answer) => resolve(Number(answer['grpc-status'])));
      });
      stream.on('error', () => {});
      stream.end(frame(path.includes('Reflection') ? Buffer.of(0x3a, 0) : Buffer.alloc(0)));
      expect(await first, path).toBe(need === 'none' ? 12 : need === 'nobody' || mayCome ? 0 : 16);
      stream.close();
    }
    session.close();
  });

  it.each(headers)('%s', async (_what, authorization, mayCome) => {
    const intake = new ParsingIntake();
    await using gateway = await start(kind, { access: new CheckedAccess(both, openAccess(intake)) });
    const head = authorization === undefined ? {} : { authorization };
    const answer = await call(gateway.port, [frame(message)], head);
    expect(answer).toMatchObject({ http: 200, status: mayCome ? 0 : 16 });
    expect(intake.took(...(mayCome ? [message] : []))).toBe(true);
    if (!mayCome) expect(answer.message).not.toContain(current);
    expect(refusals(gateway.stats)).toEqual(mayCome ? {} : { unauthenticated: 1 });
  });

  it('takes a token that comes twice for none', async () => {
    await using gateway = await start(kind, { access: new CheckedAccess(both, openAccess(new ParsingIntake())) });
    const right = `Bearer ${current}`;
    const loose = { strictSingleValueFields: false } as http2.ClientSessionOptions;
    const session = http2.connect(`${scheme}://127.0.0.1:${gateway.port}`, loose);
    const send = async (...tokens: string[]): Promise<number> => {
      const head = [':method', 'POST', ':path', exportPath, 'content-type', 'application/grpc', 'te', 'trailers'];
      // An object cannot say it twice.
      const stream = session.request([...head, ...tokens.flatMap((it) => ['authorization', it])] as never);
      stream.end(frame(message));
      return (await ended(stream)).status;
    };
    expect(await send(right)).toBe(0);
    expect(await send(right, right)).toBe(16);
    expect(await send(right, 'Bearer x')).toBe(16);
    expect(await send('Bearer x', right)).toBe(16);
    session.close();
  });

  it('tells everybody its health, and its services only those who may send', async () => {
    await using gateway = await start(kind, { access: new CheckedAccess(both, openAccess(new ParsingIntake())) });
    const ask = async (path: string, body: string, authorization?: string): Promise<Ended> =>
      call(gateway.port, [frame(Buffer.from(body, 'hex'))], { ':path': path, ...(authorization && { authorization }) });
    expect(await ask('/grpc.health.v1.Health/Check', '')).toMatchObject({ status: 0 });
    const reflection = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
    expect(await ask(reflection, '3a00')).toMatchObject({ status: 16 });
    expect(await ask(reflection, '3a00', `Bearer ${retired}`)).toMatchObject({ status: 0 });
    expect(await ask('/a.b.C/D', '')).toMatchObject({ status: 12 });
  });

  it('no longer takes a token that was retired, while a call that it brought goes to its end', async () => {
    const intake = new ParsingIntake();
    const access = new CheckedAccess(both, openAccess(intake));
    await using gateway = await start(kind, { access });
    const session = await connect(gateway.port);
    const begin = () => open(session, { authorization: `Bearer ${retired}` });
    const underWay = begin();
    underWay.write(frame(message).subarray(0, 9));
    if (kind === 'http2') await until(() => gateway.admission.inflightBytes > 0);
    else await new Promise((resolve) => session.ping(resolve));
    access.renew(tokens(`new: ${current}`));
    const later = begin();
    expect(await ended(later)).toMatchObject({ status: 16 });
    underWay.end(frame(message).subarray(9));
    expect(await ended(underWay)).toMatchObject({ status: 0 });
    expect(intake.took(message)).toBe(true);
    session.close();
  });
});

// With a query a request is node:http's.
describe.each([
  ['a plain request', '/v1/traces'],
  ['one by node:http', '/v1/traces?'],
])('%s', (_way, target) => {
  it.each(['/', '/v1/logs', '/v1/traces/', '/metrics'])('says nothing of %s to whoever may not send', async (path) => {
    await using gateway = await start('http', { access: new CheckedAccess(both, openAccess(new ParsingIntake())) });
    for (const method of ['POST', 'GET', 'OPTIONS', 'PUT']) {
      using wire = new Wire(gateway);
      const head = (more: string): Buffer => Buffer.from(`${method} ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`);
      await wire.write(head(''));
      expect(await wire.answers(1), `${method} ${path}`).toEqual([401]);
      await wire.write(head(`Authorization: Bearer ${current}\r\n`));
      expect(await wire.answers(2), `${method} ${path}`).toEqual([401, 404]);
    }
  });

  it.each(headers)('%s', async (_what, authorization, mayCome) => {
    const intake = new ParsingIntake();
    await using gateway = await start('http', { access: new CheckedAccess(both, openAccess(intake)) });
    using wire = new Wire(gateway);
    const lines = authorization === undefined ? '' : `Authorization: ${authorization}\r\n`;
    await wire.write(post(message, undefined, lines, target));
    expect(await wire.answers(1)).toEqual([mayCome ? 200 : 401]);
    expect(intake.took(...(mayCome ? [message] : []))).toBe(true);
    expect(refusals(gateway.stats)).toEqual(mayCome ? {} : { unauthenticated: 1 });
    if (mayCome) return;
    const wrong = authorization === undefined ? '' : ', error="invalid_token"';
    expect(wire.text).toContain(`www-authenticate: Bearer realm="tailgate"${wrong}\r\n`);
    expect(wire.text).not.toContain(current);
  });

  it('is refused once its token is retired, on the same connection', async () => {
    const intake = new ParsingIntake();
    const access = new CheckedAccess(both, openAccess(intake));
    await using gateway = await start('http', { access });
    using wire = new Wire(gateway);
    const request = post(message, undefined, `Authorization: Bearer ${retired}\r\n`, target);
    await wire.write(request);
    await wire.answers(1);
    await wire.write(request.subarray(0, -5));
    if (target === '/v1/traces') await until(() => gateway.admission.inflightBytes > 0);
    access.renew(tokens(`new: ${current}`));
    await wire.write(request.subarray(-5));
    await wire.answers(2);
    await wire.write(request);
    const statuses = await wire.answers(3);
    expect([statuses[0], statuses[2]]).toEqual([200, 401]);
    if (target === '/v1/traces') expect(statuses[1]).toBe(200);
  });

  it('comes with a password that is compared on a thread of its own; until then it is to come again', async () => {
    const intake = new ParsingIntake();
    const slow = users('ana:$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW');
    await using gateway = await start('http', { access: new CheckedAccess(slow, openAccess(intake)) });
    using wire = new Wire(gateway);
    const request = (pair: string) => post(message, undefined, `Authorization: ${basic(pair)}\r\n`, target);
    const answerTo = async (pair: string): Promise<number> => {
      await wire.write(request(pair));
      return (await wire.answers(wire.statuses.length + 1)).at(-1) as number;
    };
    expect(await answerTo('ana:secret')).toBe(503);
    expect(wire.text).toContain('retry-after: 1\r\n');
    await expect.poll(() => answerTo('ana:secret'), { timeout: 30_000 }).toBe(200);
    await expect.poll(() => answerTo('ana:wrong'), { timeout: 30_000 }).toBe(401);
    expect(wire.text).toContain('www-authenticate: Basic realm="tailgate", charset="UTF-8"\r\n');
    expect(await answerTo('ana:secret')).toBe(200);
  });
});

it('answers the preflight of a page before anybody is asked for credentials', async () => {
  const access = new CheckedAccess(both, openAccess(new ParsingIntake()));
  await using gateway = await start('http', { access, allowedOrigins: ['https://shop.example'] });
  const url = `${scheme}://127.0.0.1:${gateway.port}/v1/traces`;
  const origin = 'https://shop.example';
  const preflight = await fetch(url, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type',
    },
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get('access-control-allow-headers')).toContain('authorization');
  const refused = await fetch(url, { method: 'POST', headers: { origin }, body: message });
  expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([401, origin]);
  const headersOf = { origin, authorization: `Bearer ${current}`, 'content-type': 'application/x-protobuf' };
  const taken = await fetch(url, { method: 'POST', headers: headersOf, body: message });
  expect([taken.status, taken.headers.get('access-control-allow-origin')]).toEqual([200, origin]);
});

it.each([
  ['no token', ''],
  ['a wrong token', 'Authorization: Bearer nobody\r\n'],
])('tells %s the same by both ways of HTTP, and by both of gRPC', async (_what, line) => {
  const access = () => new CheckedAccess(both, openAccess(new ParsingIntake()));
  const byHttp = async (target: string) => {
    await using gateway = await start('http', { access: access() });
    using wire = new Wire(gateway);
    await wire.write(post(message, undefined, line, target));
    await wire.answers(1);
    const [head, body] = wire.text.split('\r\n\r\n', 2);
    const fields = head.split('\r\n').map((it) => it.replace(/^[^:]*:/, (name) => name.toLowerCase()));
    return { head: fields.filter((it) => !it.startsWith('date:')).sort(), body };
  };
  expect(await byHttp('/v1/traces')).toEqual(await byHttp('/v1/traces?'));

  const byGrpc = async (kind: 'http2' | 'grpc-js') => {
    await using gateway = await start(kind, { access: access() });
    const head = line === '' ? {} : { authorization: 'Bearer nobody' };
    const { http, status, message: said, body } = await call(gateway.port, [frame(message)], head);
    return { http, status, said, body };
  };
  expect(await byGrpc('http2')).toEqual(await byGrpc('grpc-js'));
});
