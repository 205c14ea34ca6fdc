import { expect, it } from 'vitest';
import { plainRequest } from '../../../src/receive/http/plain-head.ts';
import { leastCpuUs } from '../../support/growth.ts';

const line = 'POST /v1/traces HTTP/1.1\r\n';
const usual = ['Host: gateway:4318', 'Content-Type: application/x-protobuf', 'Content-Length: 1234'];
const head = (fields: readonly string[], first = line): string =>
  first + fields.map((field) => `${field}\r\n`).join('');

it.each([
  ['Go', [...usual, 'User-Agent: OTel OTLP Exporter Go/1.47.0', 'Accept-Encoding: gzip']],
  [
    'Node',
    [...usual, 'Connection: keep-alive', 'traceparent: 00-5b8efff798038103d269b633813fc60c-eee19b7ec3c1b174-01'],
  ],
  ['Python', [...usual, 'Accept: */*', 'Connection: keep-alive', 'Accept-Encoding: gzip, deflate']],
  [
    'whoever writes names and space as he likes',
    ['HOST:x', 'content-TYPE: \tApplication/X-Protobuf \t', 'content-length:1234'],
  ],
])('takes the head of a plain request of %s', (_sender, fields) => {
  expect(plainRequest(head(fields))).toMatchObject({ length: 1234, isGzip: false });
});

it('says what the request says of whose it is', () => {
  const fields = [...usual, 'AUTHORIZATION: \tBearer  a b ', 'X-Scope-OrgID: team-a'];
  expect(plainRequest(head(fields), 'x-scope-orgid')).toMatchObject({ authorization: 'Bearer  a b', tenant: 'team-a' });
  expect(plainRequest(head(fields))).toMatchObject({ authorization: 'Bearer  a b', tenant: undefined });
  expect(plainRequest(head(usual), 'x-scope-orgid')).toMatchObject({ authorization: undefined, tenant: undefined });
});

it('leaves a second tenant to node:http, where a header may name one', () => {
  const fields = head([...usual, 'X-Scope-OrgID: ', 'x-scope-orgid: team-b']);
  expect(plainRequest(fields, 'x-scope-orgid')).toBeUndefined();
  expect(plainRequest(fields)).toMatchObject({ length: 1234 });
});

it('takes gzip', () => {
  expect(plainRequest(head([...usual, 'content-encoding: GZip']))).toMatchObject({ length: 1234, isGzip: true });
});

it.each(['http://gateway:4318', 'HTTP://127.0.0.1', 'https://[::1]:4318'])(
  'takes a target in absolute form: %s',
  (base) => {
    expect(plainRequest(head(usual, `POST ${base}/v1/traces HTTP/1.1\r\n`))?.length).toBe(1234);
  },
);

it.each([
  ['another path in absolute form', head(usual, 'POST http://gateway/v1/logs HTTP/1.1\r\n')],
  ['a host with a path', head(usual, 'POST http://gateway/x/v1/traces HTTP/1.1\r\n')],
  ['no host in absolute form', head(usual, 'POST http:///v1/traces HTTP/1.1\r\n')],
  ['a target with a user', head(usual, 'POST http://u:p@gateway/v1/traces HTTP/1.1\r\n')],
  ['another path', head(usual, 'POST /v1/logs HTTP/1.1\r\n')],
  ['another method', head(usual, 'PUT /v1/traces HTTP/1.1\r\n')],
  ['a query', head(usual, 'POST /v1/traces?a=b HTTP/1.1\r\n')],
  ['HTTP/1.0', head(usual, 'POST /v1/traces HTTP/1.0\r\n')],
  ['JSON', head([usual[0], 'Content-Type: application/json', usual[2]])],
  ['parameters of the type', head([usual[0], `${usual[1]}; charset=utf-8`, usual[2]])],
  ['no type', head([usual[0], usual[2]])],
  ['no host', head(usual.slice(1))],
  ['two hosts', head([...usual, 'Host: other'])],
  ['no length', head(usual.slice(0, 2))],
  ['two lengths', head([...usual, usual[2]])],
  ['a length with a sign', head([...usual.slice(0, 2), 'Content-Length: +5'])],
  ['a length with a blank that is none', head([...usual.slice(0, 2), 'Content-Length: 5\xa0'])],
  ['a length without a number', head([...usual.slice(0, 2), 'Content-Length: '])],
  ['chunks', head([...usual, 'Transfer-Encoding: chunked'])],
  ['zstd', head([...usual, 'Content-Encoding: zstd'])],
  ['two types', head([usual[0], 'Content-Type: text/plain', ...usual.slice(1)])],
  ['an empty encoding and one more', head([...usual, 'Content-Encoding:', 'Content-Encoding: gzip'])],
  ['two encodings', head([...usual, 'Content-Encoding: gzip', 'Content-Encoding: gzip'])],
  ['a list of encodings', head([...usual, 'Content-Encoding: gzip, gzip'])],
  ['a page of a browser', head([...usual, 'Origin: https://shop.example'])],
  ['a wish to be told to continue', head([...usual, 'Expect: 100-continue'])],
  ['a wish for another protocol', head([...usual, 'Connection: Upgrade', 'Upgrade: h2c'])],
  ['a connection that closes', head([...usual, 'Connection: close'])],
  ['two authorizations', head([...usual, 'Authorization:', 'authorization: Bearer a'])],
  ['a space before a colon', head([...usual, 'X-Odd : 1'])],
  ['a folded line', head([...usual, 'X-Odd: 1', ' 2'])],
  ['a bare line feed', head([...usual, 'X-Odd: 1\nX-Other: 2'])],
  ['a control character', head([...usual, 'X-Odd: \x00'])],
  ['a line that is no field', head([...usual, 'X-Odd'])],
])('leaves %s to node:http', (_what, text) => {
  expect(plainRequest(text)).toBeUndefined();
});

it('reads a head of blanks once, not once for each of them', () => {
  const timed = (blanks: number): number => {
    const text = head([...usual, `X-Odd: ${' '.repeat(blanks)}\x01`]);
    return leastCpuUs(() => {
      for (let n = 0; n < 20; n++) expect(plainRequest(text)).toBeUndefined();
    });
  };
  // Eight times as long: eight times the work, where it was 64 times.
  expect(timed(16_000)).toBeLessThan(40 * Math.max(200, timed(2_000)));
});
