import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { UsageError } from '../../src/errors.ts';
import { openOtlpExporter } from '../../src/export/export.ts';
import { configOf, spansOf } from './fakes.ts';
import { forwardProxy } from './forward-proxy.ts';
import { httpServer } from './servers.ts';

/** Sends five spans to a name that only the proxy knows, and waits until they are somewhere. */
async function send(config: Parameters<typeof configOf>[0], env: Record<string, string>) {
  const exporter = await openOtlpExporter(configOf({ initialMs: 5, maxMs: 20, ...config }), { env });
  onTestFinished(() => exporter.drain(0));
  exporter.offer(spansOf(5));
  const { stats } = exporter;
  await vi.waitFor(() => expect(stats.exportedSpans + stats.retries).toBeGreaterThan(0), { timeout: 30_000 });
  return stats;
}

const ok: Parameters<typeof httpServer>[0] = (_, response) => response.writeHead(200).end();

describe('OTLP/HTTP through a proxy', () => {
  const protocol = 'http';

  it('asks for the whole URL, with the credentials of the variable', async () => {
    const server = await httpServer(ok);
    const proxy = await forwardProxy(server.port);
    const HTTP_PROXY = proxy.url.replace('//', '//jo:s%40fe@');
    const stats = await send({ protocol, endpoint: 'http://otlp.test:4318' }, { HTTP_PROXY });
    expect(stats).toMatchObject({ exportedSpans: 5, lastError: '' });
    const target = 'http://otlp.test:4318/v1/traces';
    expect(proxy.asked).toEqual([{ method: 'POST', target, authorization: `Basic ${btoa('jo:s@fe')}` }]);
    expect(server.received.map(({ body }) => body)).toEqual([Buffer.from(spansOf(5).body)]);
  });

  it('goes direct to what NO_PROXY names, and to this machine', async () => {
    const server = await httpServer(ok);
    const proxy = await forwardProxy(server.port);
    await send({ protocol, endpoint: server.url }, { HTTP_PROXY: proxy.url });
    await send({ protocol, endpoint: 'http://otlp.test:1' }, { HTTP_PROXY: proxy.url, NO_PROXY: '.test' });
    expect(proxy.asked).toEqual([]);
  });
});

it.each(['grpc', 'http'] as const)('a variable that names no proxy is an error at the start (%s)', async (protocol) => {
  const config = configOf({ protocol, endpoint: 'http://otlp.test' });
  const opening = openOtlpExporter(config, { env: { http_proxy: 'socks5://jo:secret@p' } });
  await expect(opening).rejects.toThrow(
    new UsageError("export tempo: HTTP_PROXY is not a proxy's URL: expected http://host:port or https://host:port"),
  );
});
