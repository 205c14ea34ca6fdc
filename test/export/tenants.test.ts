import { status as Code } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { openOtlpExporter } from '../../src/export/export.ts';
import type { Exporter } from '../../src/model/export-request.ts';
import { configOf, namesIn, requestOf } from './fakes.ts';
import { grpcFailure, grpcServer, httpServer, type Received } from './servers.ts';

const header = 'x-scope-orgid';
const names = ['a', 'b', "c.*'()"];

/** Spans of the same traces for every tenant; the names say whose they are. */
const requestFor = (tenant: string, n: number) => ({
  ...requestOf(Array.from({ length: 8 }, (_, i) => ({ trace: i, name: `${tenant} ${n}.${i}` }))),
  tenant,
});

async function exporterTo(endpoint: string, protocol: 'grpc' | 'http'): Promise<Exporter> {
  const config = configOf({ endpoint, protocol, initialMs: 5, maxMs: 20, headers: { 'x-other': 'same' } });
  const exporter = await openOtlpExporter({ ...config, otlp: { ...config.otlp, tenantHeader: header } });
  onTestFinished(() => exporter.drain(0));
  return exporter;
}

/** Answers: now and then too large, so that requests are split, and now and then not now. */
type Say = 'ok' | 'too large' | 'later';
const say = ({ body }: Received, nth: number): Say => {
  if (nth % 5 === 0) return 'later';
  return namesIn(body).length > 4 ? 'too large' : 'ok';
};

async function serverOf(protocol: 'grpc' | 'http') {
  const taken: Received[] = [];
  const judged = (received: Received, nth: number): Say => {
    const said = say(received, nth);
    if (said === 'ok') taken.push(received);
    return said;
  };
  if (protocol === 'grpc') {
    const server = await grpcServer((received, nth) => {
      const said = judged(received, nth);
      if (said === 'ok') return Buffer.alloc(0);
      return said === 'later'
        ? grpcFailure(Code.UNAVAILABLE, 'not now')
        : grpcFailure(Code.RESOURCE_EXHAUSTED, 'received message larger than max');
    });
    return { url: server.url, taken };
  }
  let nth = 0;
  const server = await httpServer((_, response, received) => {
    const status = { ok: 200, 'too large': 413, later: 503 }[judged(received, ++nth)];
    response.writeHead(status, { 'content-type': 'application/x-protobuf' }).end();
  });
  return { url: server.url, taken };
}

describe.each(['grpc', 'http'] as const)('a destination over %s', (protocol) => {
  it('has every span under the name of its tenant, split and tried again as may be', async () => {
    const server = await serverOf(protocol);
    const exporter = await exporterTo(server.url, protocol);
    const sent: string[] = [];
    for (let n = 0; n < 12; n++)
      for (const tenant of names) {
        const request = requestFor(tenant, n);
        sent.push(...namesIn(request.body));
        exporter.offer(request);
      }
    await vi.waitFor(() => expect(exporter.stats.queuedSpans).toBe(0), { timeout: 30_000, interval: 10 });
    expect(exporter.stats).toMatchObject({ exportedSpans: sent.length, failedSpans: {} });
    expect(exporter.stats.retries).toBeGreaterThan(0);
    const came: string[] = [];
    for (const { body, headers } of server.taken) {
      expect(headers['x-other']).toBe('same');
      const whose = new Set(namesIn(body).map((name) => name.split(' ')[0]));
      expect([...whose]).toEqual([headers[header]]);
      came.push(...namesIn(body));
    }
    expect(came.sort()).toEqual(sent.sort());
  });

  it('gets no such header with what is of no tenant', async () => {
    const server = await serverOf(protocol);
    const exporter = await exporterTo(server.url, protocol);
    exporter.offer(requestOf([{ trace: 1, name: 'x' }]));
    await vi.waitFor(() => expect(exporter.stats.exportedSpans).toBe(1), { timeout: 30_000, interval: 10 });
    expect(server.taken[0].headers[header]).toBe(undefined);
  });
});
