import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { exportPath, frame } from '../receive/support/grpc-wire.ts';
import { refusals, start } from '../receive/support/receivers.ts';
import { encodeReference, requestJson } from '../receive/support/requests.ts';
import { certificates, credentialsOf } from '../receive/support/transport.ts';

/** TLS as others have written it: OpenSSL's own client, and curl, whose HTTP/2 is nghttp2's. */
const folder = mkdtempSync(join(tmpdir(), 'tailgate-handshakes-'));
const file = (name: string, text: string | Uint8Array): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const { ca, server, client, foreignClient } = certificates;
const caFile = file('ca.crt', ca.ca);
const shown = (name: string, { cert, key }: typeof client): string[] => {
  return ['-cert', file(`${name}.crt`, cert), '-key', file(`${name}.key`, key)];
};
afterAll(() => rmSync(folder, { recursive: true }));

interface Ran {
  readonly code: number | null;
  readonly text: string;
}

/** Runs a client; `says` is told what it has printed, to answer on its input. */
function run(
  command: string,
  args: readonly string[],
  says = (_printed: string, _to: ChildProcess): void => {},
): Promise<Ran> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let text = '';
  child.stdin.on('error', () => {});
  for (const output of [child.stdout, child.stderr])
    output.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      says(text, child);
    });
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code) => resolve({ code, text }));
  });
}

/** OpenSSL's client, which ends when the handshake is over unless there is something to say. */
function openssl(
  port: number,
  args: readonly string[] = [],
  says?: (printed: string, to: ChildProcess) => void,
): Promise<Ran> {
  const peer = ['-connect', `127.0.0.1:${port}`, '-servername', 'localhost', '-CAfile', caFile, '-verify_return_error'];
  return run('openssl', ['s_client', ...peer, ...args], says ?? ((_, { stdin }) => void stdin?.end()));
}

describe('the gRPC port', () => {
  it.each(['1_2', '1_3'])('shakes hands with OpenSSL by TLS %s', async (version) => {
    await using gateway = await start('http2', { tls: credentialsOf(server) });
    const { code, text } = await openssl(gateway.port, [`-tls${version}`, '-alpn', 'h2,http/1.1']);
    expect([code, text]).toEqual([0, expect.stringMatching(/ALPN protocol: h2[\s\S]*Verify return code: 0 \(ok\)/)]);
    expect(text).toContain(`TLSv${version.replace('_', '.')}`);
    expect(text).toContain('Secure Renegotiation IS');
  });

  it('speaks no older version, and only protocols of its own', async () => {
    await using gateway = await start('http2', { tls: credentialsOf(server) });
    const old = await openssl(gateway.port, ['-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0']);
    expect([old.code, old.text]).toEqual([1, expect.stringContaining('alert protocol version')]);
    const other = await openssl(gateway.port, ['-alpn', 'http/1.1']);
    expect([other.code, other.text]).toEqual([1, expect.stringContaining('alert no application protocol')]);
    expect(refusals(gateway.stats)).toEqual({ tls_failed: 2 });
  });

  it('refuses another handshake on a connection, and changes keys as often as it is asked to', async () => {
    await using gateway = await start('http2', { tls: credentialsOf(server) });
    let asked = false;
    const again = await openssl(gateway.port, ['-tls1_2', '-alpn', 'h2'], (printed, { stdin }) => {
      if (!printed.includes('Verify return code') || asked) return;
      asked = true;
      stdin?.write('R\n');
    });
    expect(again.text).toMatch(/RENEGOTIATING[\s\S]*(no renegotiation|unexpected eof)/);
    let updates = 0;
    const updated = await openssl(gateway.port, ['-tls1_3', '-alpn', 'h2'], (printed, { stdin }) => {
      const done = printed.split('KEYUPDATE').length - 1;
      if (!printed.includes('Verify return code') || done < updates) return;
      if (++updates <= 5) stdin?.write('K\n');
      else stdin?.end('Q\n');
    });
    expect([updated.code, updated.text.split('KEYUPDATE').length - 1]).toEqual([0, 5]);
  });

  it('lets in whose certificate it trusts, and tells others', async () => {
    await using gateway = await start('http2', { tls: credentialsOf(server, ca.ca) });
    const right = await openssl(gateway.port, ['-alpn', 'h2', ...shown('client', client)]);
    expect([right.code, right.text]).toEqual([0, expect.stringContaining('Acceptable client certificate CA names')]);
    const wait = (): void => {};
    for (const args of [[], shown('foreign', foreignClient)]) {
      const { text } = await openssl(gateway.port, ['-alpn', 'h2', ...args], wait);
      expect(text).toContain('a client certificate that this gateway trusts is needed');
    }
    expect(refusals(gateway.stats)).toEqual({ client_certificate: 2 });
  });

  it('answers a call of nghttp2', async () => {
    await using gateway = await start('http2', { tls: credentialsOf(server) });
    const message = frame(encodeReference(requestJson()));
    const headers = ['-H', 'content-type: application/grpc', '-H', 'te: trailers'];
    const sent = ['--data-binary', `@${file('message', message)}`, '--http2', '--cacert', caFile];
    const { text } = await run('curl', ['-sv', ...sent, ...headers, `https://localhost:${gateway.port}${exportPath}`]);
    expect(text).toMatch(/ALPN: server accepted h2/);
    expect(text).toMatch(/< HTTP\/2 200/);
    expect(text).toMatch(/< grpc-status: 0/);
    expect(gateway.intake.accepted.length).toBe(1);
  });
});

it('the HTTP port answers curl, which would like HTTP/2', async () => {
  await using gateway = await start('http', { tls: credentialsOf(server) });
  const body = file('body', encodeReference(requestJson()));
  const sent = ['--data-binary', `@${body}`, '-H', 'content-type: application/x-protobuf', '--cacert', caFile];
  const { text } = await run('curl', ['-sv', ...sent, `https://localhost:${gateway.port}/v1/traces`]);
  expect(text).toMatch(/ALPN: server accepted http\/1.1/);
  expect(text).toMatch(/< HTTP\/1.1 200/);
  expect(gateway.intake.accepted.length).toBe(1);
});
