import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { Authority } from '../support/certificates.ts';
import { delivered, makeFleet, sendTraffic, settled } from '../support/fleet.ts';
import { difference, spanIdentities } from '../support/identity.ts';
import { startSink } from '../support/otlp-sink.ts';

const tenants = ['shop', 'search'];
const header = 'x-scope-orgid';

it('tenants, TLS and tokens between gateways of two shards that come and go: every trace is whole, and with its tenant', async () => {
  const sink = await startSink();
  const folder = mkdtempSync(join(tmpdir(), 'tailgate-fleet-tls-'));
  const ca = await Authority.create(folder, 'ca');
  const { certFile, keyFile } = await ca.issue('member', { usage: 'server', names: ['gateways.test', '127.0.0.1'] });
  const token = join(folder, 'members');
  writeFileSync(token, 'members: 0123456789abcdef-members\n', { mode: 0o600 });
  const fleet = await makeFleet(['a', 'b', 'c', 'd'], sink.url, {
    boot: {
      shards: 2,
      buffer: { max_bytes: '256MiB', decision_wait: '12s' },
      receive: {
        // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
        grpc: { endpoint: '${env:TAILGATE_GRPC}' },
        http: { endpoint: '${env:TAILGATE_HTTP}' },
        // biome-ignore-end lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
        tenants: { header, allow: tenants },
      },
      cluster: {
        tls: { cert_file: certFile, key_file: keyFile, ca_file: ca.caFile, server_name: 'gateways.test' },
        auth: { bearer_token_file: token },
      },
    },
  });
  onTestFinished(async () => {
    await fleet[Symbol.asyncDispose]();
    await sink[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });
  for (const name of ['a', 'b', 'c']) await fleet.start(name);
  await settled(fleet, 3);
  // Both have traces and spans of the same ids.
  const traffic = tenants.map((tenant) => sendTraffic(fleet, { everyMs: 400, headers: { [header]: tenant } }));
  await sleep(2_000);
  expect(await fleet.stop('b')).toBe(0);
  await fleet.start('b');
  await sleep(5_000);
  await fleet.start('d');
  await sleep(5_000);
  expect(await fleet.stop('a')).toBe(0);
  await sleep(2_000);
  await Promise.all(traffic.map((each) => each.stop()));
  await delivered(fleet);
  for (const [i, tenant] of tenants.entries()) {
    const arrived = sink.bodies.filter((_, nth) => sink.heads[nth].headers[header] === tenant);
    const wanted = traffic[i].acknowledged.flatMap((body) => spanIdentities(body));
    expect(wanted.length).toBeGreaterThan(2_000);
    const differing = difference(
      arrived.flatMap((body) => spanIdentities(body)),
      wanted,
    );
    expect({ tenant, ...differing }).toEqual({ tenant, extra: [], missing: [] });
  }
  let forwarded = 0;
  for (const gateway of fleet.up.values()) forwarded += await fleet.metric('tailgate_forwarded_spans_total', gateway);
  expect(forwarded).toBeGreaterThan(1_000);
}, 300_000);
