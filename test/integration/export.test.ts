import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openOtlpExporter } from '../../src/export/export.ts';
import type { OtlpExporterConfig } from '../../src/export/options.ts';
import type { ExportFailure, ExportRequest } from '../../src/model/export-request.ts';
import { findServer, startCollector, startTempo } from '../../tools/servers/start.ts';
import { encodeReference, requestJson, spanJson } from '../receive/support/requests.ts';
import { eventually } from '../support/gateway.ts';
import { decodeRequest, type RequestObject } from '../support/otlp.ts';
import { readRequestFile } from '../support/request-file.ts';
import { requestBytes, traceIdHex } from '../support/spans.ts';
import { tempoApi } from '../support/tempo-api.ts';
import { findClient } from './clients/clients.ts';

/**
 * The exporter alone, before servers that nobody here wrote: what arrives is compared span by span, with all around it.
 */
type Otlp = OtlpExporterConfig['otlp'];

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tailgate-export-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function exporterTo(otlp: Pick<Otlp, 'endpoint' | 'protocol' | 'compression'>) {
  const errors: string[] = [];
  const failures: ExportFailure[] = [];
  const config = {
    name: 'real',
    otlp: { ...otlp, headers: {}, timeoutMs: 10_000 },
    queue: { maxBytes: 1 << 28 },
    retry: { initialMs: 50, maxMs: 500, giveUpAfterMs: 60_000 },
  };
  const reports = {
    onError: (message: string) => errors.push(message),
    onFailure: (f: ExportFailure) => failures.push(f),
  };
  const exporter = await openOtlpExporter(config, reports);
  onTestFinished(() => exporter.drain(0));
  const send = async (requests: readonly ExportRequest[]) => {
    for (const request of requests) exporter.offer(request);
    await eventually(async () => expect(exporter.stats.queuedSpans).toBe(0));
  };
  return { send, stats: exporter.stats, errors, failures };
}

let sent = 0;
/** A request of so many spans with nearly every field, each of its own id, in traces of two. */
function richRequest(spans: number): ExportRequest {
  const list = Array.from({ length: spans }, () => {
    const id = (++sent).toString(16).padStart(16, '0');
    return { ...spanJson(id), traceId: `5b8efff798038103${(sent >> 1).toString(16).padStart(16, '0')}` };
  });
  return { body: encodeReference(requestJson(list)), spans, traces: spans };
}

/** Twenty of 1 to 201 spans each. */
const requestsOfManySizes = (): ExportRequest[] => Array.from({ length: 20 }, (_, i) => richRequest(1 + (i % 5) * 50));

/** Every span with all that it came in, in the order of their ids. */
function spansOf(requests: readonly RequestObject[]): string[] {
  return requests
    .flatMap(({ resourceSpans }) => resourceSpans ?? [])
    .flatMap(({ resource, schemaUrl, scopeSpans }) =>
      (scopeSpans ?? []).flatMap(({ scope, schemaUrl: scopeSchemaUrl, spans }) =>
        (spans ?? []).map((span) =>
          JSON.stringify([span.spanId, { resource, schemaUrl, scope, scopeSchemaUrl, span }]),
        ),
      ),
    )
    .toSorted();
}
const spansIn = (bodies: readonly Uint8Array[]): string[] => spansOf(bodies.map(decodeRequest));
const bodiesOf = (requests: readonly ExportRequest[]): Uint8Array[] => requests.map(({ body }) => body);

const python = findClient('python');

/** grpc's C core with protobuf's own parser: test/integration/clients/python/receive.py. */
async function pythonServer(...args: string[]) {
  const file = join(temporaryFolder(), 'requests');
  const script = fileURLToPath(new URL('./clients/python/receive.py', import.meta.url));
  const server = spawn(`${python}/bin/python`, [script, file, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(async () => {
    server.stdin.end();
    if (server.exitCode === null) await once(server, 'exit');
  });
  const [port] = await once(createInterface(server.stdout), 'line');
  return { endpoint: `http://127.0.0.1:${port}`, received: () => readRequestFile(file) };
}

describe.skipIf(python === undefined)("a server on grpc's C core", () => {
  it.each(['gzip', 'none'] as const)('gets every batch, not the first alone (compression %s)', async (compression) => {
    const { endpoint, received } = await pythonServer();
    const { send, stats, errors } = await exporterTo({ endpoint, protocol: 'grpc', compression });
    const requests = requestsOfManySizes();
    await send(requests);
    expect(spansIn(received())).toEqual(spansIn(bodiesOf(requests)));
    expect(received()).toHaveLength(20);
    expect(stats).toMatchObject({ lastError: '', retries: 0, exportedRequests: 20 });
    expect(errors).toEqual([]);
  });

  it.each(['zstd', 'gzip'] as const)('that reads nothing compressed gets it without (%s)', async (compression) => {
    const { endpoint, received } = await pythonServer('identity');
    const { send, stats, errors } = await exporterTo({ endpoint, protocol: 'grpc', compression });
    const requests = Array.from({ length: 10 }, () => richRequest(20));
    await send(requests);
    expect(spansIn(received())).toEqual(spansIn(bodiesOf(requests)));
    expect(stats).toMatchObject({ exportedSpans: 200, retries: 0 });
    expect(errors[0]).toMatch(/^requests go uncompressed/);
  });

  it('that reads no zstd gets all of it in gzip, and the log says so once', async () => {
    const { endpoint, received } = await pythonServer();
    const { send, stats, errors } = await exporterTo({ endpoint, protocol: 'grpc', compression: 'zstd' });
    const requests = requestsOfManySizes();
    await send(requests);
    expect(spansIn(received())).toEqual(spansIn(bodiesOf(requests)));
    expect(received()).toHaveLength(20);
    expect(stats).toMatchObject({ retries: 0, exportedRequests: 20, copiedBytes: 0 });
    expect(errors).toEqual([expect.stringMatching(/^requests go in gzip: .*has no zstd$/)]);
  });

  it.each(['zstd', 'gzip', 'none'] as const)('that cannot parse one span gets all others (%s)', async (compression) => {
    const { endpoint, received } = await pythonServer();
    const { send, stats, failures } = await exporterTo({ endpoint, protocol: 'grpc', compression });
    const good = richRequest(300);
    const bad = Buffer.from(requestBytes({ trace: 'bad', service: 'legacy', name: 'caf\u00e9' }));
    // Latin-1 where UTF-8 belongs: protobuf's own parser refuses the whole message.
    bad[bad.indexOf(Buffer.from('caf\u00e9')) + 3] = 0xe9;
    bad[bad.indexOf(0xe9) + 1] = 0x20;
    const body = Buffer.concat([good.body, bad]);
    await send([richRequest(1), { body, spans: 301, traces: 301 }]);
    expect(failures).toEqual([
      { reason: 'rejected', spans: 1, services: ['legacy'], message: expect.stringContaining('INTERNAL') },
    ]);
    expect(stats).toMatchObject({ exportedSpans: 301, failedSpans: { rejected: 1 } });
    const arrived = spansIn(received());
    expect(arrived).toHaveLength(301);
    expect(spansIn([good.body]).filter((span) => !arrived.includes(span))).toEqual([]);
  });

  it('with its limit of 4 MiB gets a larger batch in pieces', async () => {
    const { endpoint, received } = await pythonServer();
    const { send, stats } = await exporterTo({ endpoint, protocol: 'grpc', compression: 'gzip' });
    const request = richRequest(16_000);
    expect(request.body.length).toBeGreaterThan(5 << 20);
    await send([request]);
    expect(stats).toMatchObject({ exportedSpans: 16_000 });
    expect(received().length).toBeGreaterThan(1);
    expect(spansIn(received())).toEqual(spansIn([request.body]));
  });
});

const behind = (folder: string) => `
receivers:
  otlp: { protocols: { grpc: { endpoint: "\${env:OTLP_GRPC}" }, http: { endpoint: "\${env:OTLP_HTTP}" } } }
exporters:
  file: { path: "${folder}/requests", format: proto, append: true, flush_interval: 50ms }
service:
  pipelines:
    traces: { receivers: [otlp], exporters: [file] }
`;

/** Waits until the Collector has written the very spans of these requests, and no others. */
async function allOfThemIn(folder: string, requests: readonly ExportRequest[]): Promise<void> {
  const expected = spansIn(bodiesOf(requests));
  await eventually(async () => expect(spansIn(readRequestFile(join(folder, 'requests')))).toEqual(expected));
}

describe('a Collector', () => {
  it.each([
    ['grpc', 'zstd'],
    ['grpc', 'gzip'],
    ['grpc', 'none'],
    ['http', 'zstd'],
    ['http', 'gzip'],
    ['http', 'none'],
  ] as const)('gets all of it (%s, compression %s)', async (protocol, compression) => {
    const folder = temporaryFolder();
    const collector = await startCollector({ config: behind(folder) });
    onTestFinished(() => collector.stop());
    const endpoint = protocol === 'grpc' ? `http://${collector.otlpGrpc}` : collector.otlpHttp;
    const { send, stats, errors } = await exporterTo({ endpoint, protocol, compression });
    const requests = requestsOfManySizes();
    await send(requests);
    await allOfThemIn(folder, requests);
    expect(stats).toMatchObject({ lastError: '', retries: 0 });
    expect(errors).toEqual([]);
  });
});

it.each([
  ['[gzip, ""]', /^requests go in gzip for an hour: .*zstd refused with HTTP 400: unsupported Content-Encoding/],
  ['[""]', /^requests go uncompressed for an hour: .*zstd refused with HTTP 400: unsupported Content-Encoding/],
])('a Collector with compression_algorithms: %s gets all of it in what it reads', async (algorithms, told) => {
  const folder = temporaryFolder();
  const config = behind(folder).replace('http: {', `http: { compression_algorithms: ${algorithms},`);
  const collector = await startCollector({ config });
  onTestFinished(() => collector.stop());
  const otlp = { endpoint: collector.otlpHttp, protocol: 'http', compression: 'zstd' } as const;
  const { send, stats, errors } = await exporterTo(otlp);
  const requests = requestsOfManySizes();
  await send(requests);
  await allOfThemIn(folder, requests);
  expect(stats).toMatchObject({ exportedRequests: 20, retries: 0, copiedBytes: 0 });
  expect(errors).toEqual([expect.stringMatching(told)]);
});

const tempoServer = findServer('tempo');

describe.skipIf('refused' in tempoServer)('a Tempo', () => {
  it.each([
    ['grpc', 'zstd'],
    ['grpc', 'gzip'],
    ['grpc', 'none'],
    ['http', 'zstd'],
    ['http', 'gzip'],
  ] as const)('gets every trace (%s, compression %s)', async (protocol, compression) => {
    const tempo = await startTempo();
    onTestFinished(() => tempo.kill());
    const endpoint = protocol === 'grpc' ? `http://${tempo.otlpGrpc}` : tempo.otlpHttp;
    const { send, stats } = await exporterTo({ endpoint, protocol, compression });
    const traces = Array.from({ length: 12 }, (_, i) => `${compression} ${i}`);
    await send(
      traces.map((trace) => {
        const spans = [0, 1, 2].map((n) => ({ trace, id: `${trace} ${n}`, name: `work ${n}`, service: 'shop' }));
        return { body: requestBytes(...spans), spans: 3, traces: 1 };
      }),
    );
    expect(stats).toMatchObject({ exportedSpans: 36, lastError: '', retries: 0 });
    const api = tempoApi(tempo.url);
    for (const trace of traces) {
      await eventually(async () => {
        const spans = await api.spans(traceIdHex(trace));
        expect(spans.map(({ span }) => span.name).toSorted()).toEqual(['work 0', 'work 1', 'work 2']);
      });
    }
  });

  it('refuses one span of a batch: the others are there, and its service is named', async () => {
    const tempo = await startTempo();
    onTestFinished(() => tempo.kill());
    const { send, failures } = await exporterTo({
      endpoint: `http://${tempo.otlpGrpc}`,
      protocol: 'grpc',
      compression: 'gzip',
    });
    const good = Array.from({ length: 60 }, (_, i) => ({ trace: `good ${i}`, id: `good ${i}`, service: 'shop' }));
    // A parent id of four bytes.
    const shortParent = { trace: 'bad', service: 'legacy', unknown: Uint8Array.of(0x22, 4, 1, 2, 3, 4) };
    const body = requestBytes(...good.slice(0, 30), shortParent, ...good.slice(30));
    await send([{ body, spans: 61, traces: 61 }]);
    expect(failures).toMatchObject([{ reason: 'rejected', spans: 1, services: ['legacy'] }]);
    expect(failures[0].message).toMatch(/SpanID/i);
    const api = tempoApi(tempo.url);
    for (const { trace } of good) {
      await eventually(async () => expect(await api.spans(traceIdHex(trace))).toHaveLength(1));
    }
  });
});
