import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { makeHome } from '../support/boot-file.ts';
import { certificateSet } from '../support/certificates.ts';
import { eventually } from '../support/gateway.ts';
import { gatewayAt } from '../support/gateway-at.ts';
import { obsctl } from '../support/obsctl.ts';
import { requestBytes, traceIdHex } from '../support/spans.ts';

it('obsctl asks a gateway whose admin port speaks TLS, wants a client certificate and a token', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tailgate-obsctl-admin-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const { ca, server, client } = await certificateSet(folder);
  const [tokens, token] = [join(folder, 'tokens'), join(folder, 'token')];
  writeFileSync(tokens, 'ana: the-token-of-ana-0123456789 read\n');
  writeFileSync(token, 'the-token-of-ana-0123456789\n');
  const tls = { cert_file: server.certFile, key_file: server.keyFile, client_ca_file: ca.caFile };
  const admin = { endpoint: '127.0.0.1:0', tls, auth: { bearer_token_file: tokens } };
  const boot = { admin, shards: 1, buffer: { decision_wait: '50ms' }, batch: { max_age: '50ms' } };
  const { gateway, sender } = await gatewayAt(makeHome(boot, 'debug: true\n'));
  await sender.grpc(requestBytes({ trace: 'one', startMs: Date.now() }));

  const to = ['--gateway', `https://${gateway.admin}`];
  const trusting = [...to, '--ca-file', ca.caFile];
  const known = [...trusting, '--cert-file', client.certFile, '--key-file', client.keyFile];
  const find = ['trace', 'find', '--last', '1h', '-o', 'ids'];
  await eventually(async () => {
    const { ids } = await obsctl(...known, '--token-file', token, ...find);
    expect(ids).toEqual([traceIdHex('one')]);
  });
  expect((await obsctl(...known, '--token-file', token, 'status')).code).toBe(0);

  expect(await obsctl(...known, 'status')).toMatchObject({ code: 5, out: '' });
  expect(await obsctl(...to, '--token-file', token, 'status')).toMatchObject({
    code: 1,
    err: expect.stringContaining('is of an authority that is not trusted (CN=Test ca): set --ca-file to it'),
  });
  const { code, err } = await obsctl(...trusting, '--token-file', token, 'status');
  expect(code).not.toBe(0);
  expect(err).toMatch(/certificate/);
});
