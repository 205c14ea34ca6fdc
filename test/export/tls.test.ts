import { createSecureServer, type ServerHttp2Stream } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { openOtlpExporter } from '../../src/export/export.ts';
import { certificateFor } from './certificate.ts';
import { configOf, spansOf } from './fakes.ts';

type Protocol = 'grpc' | 'http';

const trusted = getCACertificates('default');
afterEach(() => setDefaultCACertificates(trusted));

/** A server that says yes to everything, in TLS. */
async function secureServer(protocol: Protocol, certificate: { cert: string; key: string }): Promise<string> {
  const server: Server = protocol === 'http' ? createHttpsServer(certificate, (_, response) => response.end()) : grpc();
  function grpc() {
    const http2 = createSecureServer(certificate);
    http2.on('stream', (stream: ServerHttp2Stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.resume().end(Buffer.alloc(5));
    });
    return http2;
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
  });
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function send(endpoint: string, protocol: Protocol) {
  const exporter = await openOtlpExporter(configOf({ endpoint, protocol, initialMs: 5, maxMs: 20 }));
  onTestFinished(() => exporter.drain(0));
  exporter.offer(spansOf(3));
  const { stats } = exporter;
  await vi.waitFor(() => expect(stats.exportedSpans + stats.retries).toBeGreaterThan(1), { timeout: 10_000 });
  return stats;
}

describe.each(['grpc', 'http'] as const)('an https:// endpoint over %s', (protocol) => {
  it('is spoken to in TLS when its certificate is trusted and names its address', async () => {
    const certificate = certificateFor('127.0.0.1');
    setDefaultCACertificates([certificate.cert]);
    expect(await send(await secureServer(protocol, certificate), protocol)).toMatchObject({ exportedSpans: 3 });
  });

  it('gets nothing when nobody vouches for its certificate', async () => {
    const stats = await send(await secureServer(protocol, certificateFor('127.0.0.1')), protocol);
    expect(stats).toMatchObject({ exportedSpans: 0, lastError: expect.stringMatching(/self-signed certificate/) });
  });

  it('gets nothing when its certificate is for another address', async () => {
    const certificate = certificateFor('127.0.0.2');
    setDefaultCACertificates([certificate.cert]);
    const stats = await send(await secureServer(protocol, certificate), protocol);
    expect(stats).toMatchObject({ exportedSpans: 0, lastError: expect.stringMatching(/IP: 127\.0\.0\.1 is not in/) });
  });
});
