import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../tools/servers/ports.ts';
import { type RunningCollector, startCollector } from '../../tools/servers/start.ts';
import { encodeReference, requestJson, spanJson } from '../receive/support/requests.ts';
import { makeHome } from '../support/boot-file.ts';
import { intoFiles } from '../support/collector-config.ts';
import { eventually, type GatewayProcess, startGatewayProcess } from '../support/gateway.ts';
import { difference } from '../support/identity.ts';
import { decodeRequest, type RequestObject, type SpanObject, spansIn } from '../support/otlp.ts';
import { senderTo } from '../support/otlp-send.ts';
import { startSink } from '../support/otlp-sink.ts';
import { readRequestFile } from '../support/request-file.ts';

/** Everything is kept, with the weight 1. */
const rules = 'debug: true\n';
const buffer = { decision_wait: '100ms' };
const batch = { max_age: '50ms' };

/**
 * In front: what comes by gRPC goes on by gRPC, what comes by HTTP by HTTP; gzip is its default. It tries again soon
 * and for long.
 */
const inFront = (gateway: { grpc: string; http: string }) => `
receivers:
  otlp/grpc: { protocols: { grpc: { endpoint: "\${env:OTLP_GRPC}" } } }
  otlp/http: { protocols: { http: { endpoint: "\${env:OTLP_HTTP}" } } }
exporters:
  otlp_grpc:
    endpoint: "${gateway.grpc}"
    tls: { insecure: true }
    retry_on_failure: { initial_interval: 100ms, max_interval: 500ms }
  otlp_http:
    endpoint: "http://${gateway.http}"
    retry_on_failure: { initial_interval: 100ms, max_interval: 500ms }
service:
  pipelines:
    traces/grpc: { receivers: [otlp/grpc], exporters: [otlp_grpc] }
    traces/http: { receivers: [otlp/http], exporters: [otlp_http] }
`;

/** Behind: a file for each protocol. */
const behind = (folder: string) => `
receivers:
  otlp/grpc: { protocols: { grpc: { endpoint: "\${env:OTLP_GRPC}" } } }
  otlp/http: { protocols: { http: { endpoint: "\${env:OTLP_HTTP}" } } }
${intoFiles(folder)}`;

const exportersTo = ({ otlpGrpc, otlpHttp }: RunningCollector) => {
  const retry = { initial: '50ms', max: '500ms' };
  return [
    { name: 'grpc', otlp: { endpoint: `http://${otlpGrpc}`, protocol: 'grpc', compression: 'gzip' }, retry },
    { name: 'http', otlp: { endpoint: otlpHttp, protocol: 'http', compression: 'gzip' }, retry },
  ];
};

const readRequests = (file: string): RequestObject[] => readRequestFile(file).map(decodeRequest);

/** Every span with all that it came in, by span id; one that came more than once is there once. */
function spansOf(requests: readonly RequestObject[]): Map<string, { span: SpanObject; around: object }> {
  const spans = new Map<string, { span: SpanObject; around: object }>();
  for (const { resource, schemaUrl, scopeSpans } of requests.flatMap(({ resourceSpans }) => resourceSpans ?? [])) {
    for (const scope of scopeSpans ?? []) {
      const around = { resource, schemaUrl, scope: scope.scope, scopeSchemaUrl: scope.schemaUrl };
      for (const span of scope.spans ?? []) spans.set(span.spanId, { span, around });
    }
  }
  return spans;
}

const marks = ['tailgate.policy', 'tailgate.revision', 'tailgate.incomplete'];

/** A span as it was before the gateway marked it; wrong where it has not been marked so. */
function unmarked({ span, around }: { span: SpanObject; around: object }) {
  const added = (span.attributes ?? []).filter(({ key }) => marks.includes(key));
  expect(added.map(({ key }) => key)).toEqual(marks);
  const attributes = (span.attributes ?? []).filter((attribute) => !added.includes(attribute));
  return { span: { ...span, attributes, traceState: span.traceState?.replace('ot=th:0;', 'ot=') }, around };
}

/** Every span as text, as often as it came, without the gateway's marks where `marked`. */
const identities = (requests: readonly RequestObject[], marked: boolean): string[] =>
  requests.flatMap((request) => {
    const spans = spansIn(request);
    const apart = spansOf([request]);
    expect(apart.size).toBe(spans.length);
    return [...apart.values()].map((each) => JSON.stringify(marked ? unmarked(each) : each));
  });

let sent = 0;
/** A request of two traces with a span each that has nearly every field; no id twice. */
function richRequest(): Buffer {
  const spans = [1, 2].map(() => {
    const id = (++sent).toString(16).padStart(16, '0');
    return { ...spanJson(id), traceId: `5b8efff798038103${id}` };
  });
  return encodeReference(requestJson(spans));
}

/** Sends without a pause, by both protocols in turn, until it is stopped; all that was taken. */
function startTraffic(to: { grpc: string; http: string }): { stop(): Promise<RequestObject[]> } {
  const sender = senderTo(to);
  const taken: RequestObject[] = [];
  let going = true;
  const run = async () => {
    for (let n = 0; going; n++) {
      const body = richRequest();
      await (n % 2 ? sender.grpc(body, 'gzip') : sender.http(body));
      taken.push(decodeRequest(body));
      await sleep(5);
    }
    sender.close();
  };
  const running = run();
  return {
    stop: async () => {
      going = false;
      await running;
      return taken;
    },
  };
}

let folder: string;
const stops: (() => unknown)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tailgate-collector-'));
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  rmSync(folder, { recursive: true });
});

async function gatewayWith(exporters: readonly object[], env: Record<string, string> = {}): Promise<GatewayProcess> {
  const home = makeHome({ buffer, batch, export: exporters }, rules);
  const gateway = await startGatewayProcess({ args: home.args, env });
  stops.push(async () => {
    await gateway.stop();
    home[Symbol.dispose]();
  });
  return gateway;
}

async function collectorWith(...[options]: Parameters<typeof startCollector>): Promise<RunningCollector> {
  const collector = await startCollector(options);
  stops.push(() => collector.stop());
  return collector;
}

describe('the gateway between two Collectors', () => {
  it('passes spans on whole, by gRPC and by HTTP', async () => {
    const back = await collectorWith({ config: behind(folder) });
    const gateway = await gatewayWith(exportersTo(back));
    const front = await collectorWith({ config: inFront(gateway) });
    const sender = senderTo({ grpc: front.otlpGrpc, http: front.otlpHttp.replace('http://', '') });
    const requests = Array.from({ length: 40 }, richRequest);
    await Promise.all(requests.map((body, i) => (i % 2 ? sender.grpc(body) : sender.http(body))));
    sender.close();

    const expected = spansOf(requests.map((body) => decodeRequest(body)));
    for (const file of ['grpc.pb', 'http.pb']) {
      const requests = await eventually(async () => {
        const read = readRequests(join(folder, file));
        expect(read.flatMap(spansIn)).toHaveLength(expected.size);
        return read;
      });
      const arrived = spansOf(requests);
      for (const [id, span] of expected) expect(unmarked(arrived.get(id)!)).toEqual(span);
    }
    expect((await gateway.status()).books).toMatchObject({ balanced: true, spans: { received: 80, kept: 80 } });
  });

  it('loses nothing when the one behind goes away and comes back under traffic', async () => {
    const config = behind(folder);
    const back = await collectorWith({ config });
    const gateway = await gatewayWith(exportersTo(back));
    const traffic = startTraffic(gateway);
    await sleep(700);
    await back.stop();
    await sleep(1_000);
    await eventually(async () => {
      const waiting = (await gateway.status()).export.map(({ queueBytes }) => queueBytes);
      expect(Math.min(...waiting)).toBeGreaterThan(0);
    });
    const port = (address: string) => Number(address.split(':').at(-1));
    await collectorWith({ config, ports: { otlpGrpc: port(back.otlpGrpc), otlpHttp: port(back.otlpHttp) } });
    await sleep(700);
    const taken = identities(await traffic.stop(), false);

    // What was written and not answered before the end comes again: some may be there twice, but none changed or
    // foreign.
    const wanted = new Set(taken);
    for (const file of ['grpc.pb', 'http.pb']) {
      await eventually(async () => {
        const arrived = new Set(identities(readRequests(join(folder, file)), true));
        expect(difference(arrived, wanted)).toEqual({ extra: [], missing: [] });
      });
    }
    const kept = taken.length;
    const exported = { kept, exported: kept, queued: 0, failed: 0 };
    await eventually(async () =>
      expect((await gateway.status()).books).toMatchObject({
        balanced: true,
        spans: { received: kept, kept, lost: 0 },
        exporters: [exported, exported],
      }),
    );
  });

  it('is itself replaced under traffic, and the one in front keeps what it could not send', async () => {
    await using sink = await startSink();
    const env = { TAILGATE_GRPC: `127.0.0.1:${await freePort()}`, TAILGATE_HTTP: `127.0.0.1:${await freePort()}` };
    const exporters = [{ name: 'sink', otlp: { endpoint: sink.url, protocol: 'http' } }];
    const first = await gatewayWith(exporters, env);
    const front = await collectorWith({ config: inFront(first) });
    const traffic = startTraffic({ grpc: front.otlpGrpc, http: front.otlpHttp.replace('http://', '') });
    await sleep(700);
    expect(await first.stop()).toBe(0);
    await sleep(500);
    const second = await gatewayWith(exporters, env);
    await sleep(700);
    const taken = identities(await traffic.stop(), false);

    await eventually(async () =>
      expect(difference(identities(sink.taken, true), taken)).toEqual({ extra: [], missing: [] }),
    );
    expect(first.events('stopped')).toMatchObject([{ lostSpans: 0 }]);
    const { books } = await second.status();
    expect(books).toMatchObject({ balanced: true, spans: { lost: 0, waiting: 0 } });
  });
});
