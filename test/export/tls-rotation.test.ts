import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { UsageError } from '../../src/errors.ts';
import { openExporters } from '../../src/exporters.ts';
import type { Log } from '../../src/telemetry/log.ts';
import { Authority, type Issued, loopback } from '../support/certificates.ts';
import { configOf, failedIn, namesIn, requestOf } from './fakes.ts';
import { tlsServer } from './tls-server.ts';

/** Files as an operator has them: others are copied over them. */
async function rotatingFiles() {
  const folder = mkdtempSync(join(tmpdir(), 'tailgate-rotation-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [first, second] = [await Authority.create(folder, 'first'), await Authority.create(folder, 'second')];
  const files = { ca_file: join(folder, 'ca.pem'), cert_file: join(folder, 'c.pem'), key_file: join(folder, 'k.pem') };
  return {
    ...{ first, second, files },
    trust: (...authorities: Authority[]) => writeFileSync(files.ca_file, authorities.map(({ ca }) => ca).join('')),
    become: ({ certFile, keyFile }: Issued) => {
      cpSync(certFile, files.cert_file);
      cpSync(keyFile, files.key_file);
    },
  };
}

/** A log that keeps its lines. */
function keptLog() {
  const lines: string[] = [];
  const write = (event: string, _: object, message = '') => void lines.push(`${event}: ${message}`);
  return { lines, log: { info: write, warn: write, error: write, debug: write } as unknown as Log };
}

async function exporterWith(tls: object, endpoint: string, protocol: 'grpc' | 'http') {
  const { otlp, ...rest } = configOf({ endpoint, protocol, initialMs: 5, maxMs: 50 });
  const config = {
    ...rest,
    otlp: { ...otlp, tls: { reloadIntervalMs: 3_600_000, ...tls } as typeof otlp.tls & object },
  };
  const { lines, log } = keptLog();
  const opened = await openExporters({ export: [config], batch: { maxBytes: 1 << 20 } as never }, log);
  onTestFinished(async () => {
    for (const each of opened.files) each.stop();
    for (const exporter of opened.exporters) await exporter.drain(0);
  });
  return { exporter: opened.exporters[0]!, reload: () => opened.files[0]!.reload(), lines };
}

describe.each(['grpc', 'http'] as const)('certificates that are exchanged while spans go out over %s', (protocol) => {
  it('cost none of them, and double none: authority, client and server in turn', { timeout: 60_000 }, async () => {
    const { first, second, files, trust, become } = await rotatingFiles();
    const client = { usage: 'client', commonName: 'gateway 1' } as const;
    trust(first);
    become(await first.issue('client-1', client));
    const served = { usage: 'server', names: loopback } as const;
    const pair = async (authority: Authority, name: string) => {
      const { cert, key } = await authority.issue(name, served);
      return { cert, key };
    };
    const [before, after] = [await pair(first, 'server-1'), await pair(second, 'server-2')];
    const demanding = { requestCert: true, rejectUnauthorized: true };
    const server = await tlsServer(protocol, { ...before, ca: first.ca, ...demanding });
    const { exporter, reload } = await exporterWith({ files }, server.url, protocol);

    let offered = 0;
    const names = () => server.received.flatMap(namesIn).map(Number);
    let isOver = false;
    const load = (async () => {
      while (!isOver) {
        if (offered - names().length < 100) exporter.offer(requestOf([{ trace: offered % 200, name: `${offered++}` }]));
        await turn();
      }
    })();
    /** So many more arrive, the half of them on connections that are made now. */
    const goOn = async () => {
      for (const end of [names().length + 100, names().length + 200]) {
        await vi.waitFor(() => expect(names().length).toBeGreaterThan(end), { timeout: 30_000, interval: 5 });
        server.hangUp();
      }
    };

    await goOn();
    trust(first, second);
    await reload();
    await goOn();
    server.renew({ ...after, ca: [first.ca, second.ca] });
    await goOn();
    become(await second.issue('client-2', { ...client, commonName: 'gateway 2' }));
    await reload();
    await goOn();
    server.renew({ ...after, ca: second.ca });
    trust(second);
    await reload();
    await goOn();
    isOver = true;
    await load;

    await vi.waitFor(() => expect(exporter.stats.queuedSpans).toBe(0), { timeout: 30_000 });
    expect(failedIn(exporter.stats)).toBe(0);
    expect(names().toSorted((a, b) => a - b)).toEqual(Array.from({ length: offered }, (_, i) => i));
    expect([...new Set(server.connections.map((each) => each.client))]).toEqual(['gateway 1', 'gateway 2']);
  });

  it('leave a connection that stands as it is', async () => {
    const { first, second, files, trust, become } = await rotatingFiles();
    trust(first);
    become(await first.issue('client-1', { usage: 'client' }));
    const { cert, key } = await first.issue('server-1', { usage: 'server', names: loopback });
    const server = await tlsServer(protocol, { cert, key, ca: first.ca, requestCert: true });
    const { exporter, reload, lines } = await exporterWith({ files }, server.url, protocol);
    exporter.offer(requestOf([{ trace: 1, name: 'before' }]));
    await vi.waitFor(() => expect(server.received).toHaveLength(1), { timeout: 30_000 });
    trust(second);
    await reload();
    expect(lines).toEqual(['files: export tempo: otlp.tls: changed files are in force']);
    exporter.offer(requestOf([{ trace: 1, name: 'after' }]));
    await vi.waitFor(() => expect(server.received).toHaveLength(2), { timeout: 30_000 });
    expect(server.connections).toHaveLength(1);
    expect(exporter.stats).toMatchObject({ exportedSpans: 2, retries: 0 });
  });
});

describe('files that are no good', () => {
  it('end a start in one line, and later leave in force what was', async () => {
    const { first, second, files, trust, become } = await rotatingFiles();
    const open = () => exporterWith({ files }, 'https://127.0.0.1:1', 'http');
    await expect(open()).rejects.toThrow(
      new UsageError(`export tempo: otlp.tls.ca_file: ${files.ca_file}: there is no such file`),
    );
    trust(first);
    become(await first.issue('client-1', { usage: 'client' }));
    const { reload, lines } = await open();
    cpSync((await second.issue('client-2', { usage: 'client' })).keyFile, files.key_file);
    await reload();
    await reload();
    expect(lines).toEqual([
      'files: export tempo: otlp.tls: the key does not belong to the certificate; what was read before stays in force',
    ]);
  });
});
