import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { findServer, type RunningTempo, startTempo } from '../../tools/servers/start.ts';
import { makeHome } from '../support/boot-file.ts';
import { byTrace, type PlacedSpan } from '../support/captures.ts';
import { eventually, type GatewayProcess, type Status, startGatewayProcess } from '../support/gateway.ts';
import { gatewayAt } from '../support/gateway-at.ts';
import { difference } from '../support/identity.ts';
import { obsctl } from '../support/obsctl.ts';
import { decodeRequest } from '../support/otlp.ts';
import { senderTo } from '../support/otlp-send.ts';
import { type ShopTrace, shopRequests, shopTraces } from '../support/shop.ts';
import { requestBytes, traceIdHex } from '../support/spans.ts';
import { type TempoApi, tempoApi } from '../support/tempo-api.ts';

/**
 * The gateway in front of a real Tempo, beside its own store; and a Tempo that is away, slow to take, or back again.
 * Tempo does not find a trace for the moment in which it moves it from memory to disk, so it is asked again.
 */
const tempoServer = findServer('tempo');
const refused = 'refused' in tempoServer ? tempoServer.refused : '';
if (refused) process.stderr.write(`\nSKIPPED: EVERY TEST AGAINST TEMPO: ${refused}\n\n`);

interface ExporterBooks {
  readonly name: string;
  readonly kept: number;
  readonly exported: number;
  readonly queued: number;
  readonly failed: number;
}

const booksOf = ({ books }: Status, name: string): ExporterBooks =>
  (books as { exporters: ExporterBooks[] }).exporters.find((each) => each.name === name)!;

async function metric(gateway: GatewayProcess, name: string, exporter: string): Promise<number> {
  const line = new RegExp(`^${name}\\{[^}]*exporter="${exporter}"[^}]*\\} (\\S+)$`, 'm');
  return Number(line.exec(await gateway.get('/metrics'))?.[1] ?? Number.NaN);
}

/** A gateway with Tempo and the store, and short pauses between tries. */
async function gatewayBefore(tempo: { readonly otlpGrpc: string }, boot: Record<string, unknown> = {}) {
  const otlp = { endpoint: `http://${tempo.otlpGrpc}`, protocol: 'grpc', compression: 'gzip', timeout: '5s' };
  const home = makeHome(
    {
      buffer: { decision_wait: '300ms' },
      batch: { max_age: '200ms' },
      export: [
        { name: 'tempo', otlp, retry: { initial: '100ms', max: '1s' } },
        { name: 'store', store: {} },
      ],
      ...boot,
    },
    '{}\n',
  );
  return gatewayAt(home);
}

/**
 * Tempo stores columns: attributes come back in another order, long texts cut, and what is empty, and a span’s flags,
 * not at all.
 */
const stored = (spans: readonly PlacedSpan[]): string[] =>
  spans
    .map(({ resource, scope, span: { flags, ...span } }) =>
      JSON.stringify([resource, scope ?? {}, span], (_, each) => {
        if (typeof each === 'string') return each.slice(0, 2048);
        if (Array.isArray(each)) return each.toSorted((a, b) => (String(a.key) < String(b.key) ? -1 : 1));
        if (each === null || typeof each !== 'object') return each;
        const full = Object.entries(each).filter(([, value]) => !/^("|\[|\{)?("|\]|\})$/.test(JSON.stringify(value)));
        return Object.fromEntries(full.sort());
      }),
    )
    .sort();

/** The same spans, as often as they are there. Fails with one that differs. */
function expectSameSpans(got: readonly PlacedSpan[], wanted: readonly PlacedSpan[]): void {
  const { extra, missing } = difference(stored(got), stored(wanted));
  expect([extra.length, extra[0]]).toEqual([missing.length, missing[0]]);
}

/** A span as its sender gave it, without what the gateway wrote on it. */
const unmarked = (spans: readonly PlacedSpan[]): PlacedSpan[] =>
  spans.map(({ span: { traceState, ...span }, ...place }) => ({
    ...place,
    span: { ...span, attributes: (span.attributes ?? []).filter(({ key }) => !key.startsWith('tailgate.')) },
  }));

/** Ids that a client's and a server's span share. */
const twinIds = (spans: readonly PlacedSpan[]): Set<string> => {
  const ids = spans.map(({ span }) => span.spanId);
  return new Set(ids.filter((id, i) => ids.indexOf(id) !== i));
};

/**
 * Where a client's and a server's span share an id, Tempo tells another for the server's, counted from 1, and the
 * client's as its parent: both are one id here.
 */
const renamed = (spans: readonly PlacedSpan[], twins: ReadonlySet<string>): PlacedSpan[] => {
  const rename = (id: string): string => (twins.has(id) || /^0{12}/.test(id) ? 'shared' : id);
  return spans.map(({ span, ...place }) => {
    const spanId = rename(span.spanId);
    const isServers = spanId === 'shared' && span.kind === 2;
    const parentSpanId = isServers ? 'shared' : rename(span.parentSpanId ?? '');
    return { ...place, span: { ...span, spanId, parentSpanId } };
  });
};

/** Tempo has every span of these requests, once and unchanged. */
async function expectAllIn(api: TempoApi, requests: readonly Uint8Array[]): Promise<void> {
  for (const [trace, spans] of byTrace(requests.map(decodeRequest)))
    await eventually(async () => expectSameSpans(unmarked(await api.spans(trace)), unmarked(spans)));
}

const failing = (trace: string, padding = 0): Uint8Array =>
  requestBytes({ trace, status: 'ERROR', startMs: Date.now(), padding }, { trace, parent: 'x', startMs: Date.now() });

describe.skipIf(refused)('a shop’s traffic, through the gateway to Tempo', () => {
  let tempo: RunningTempo;
  let gateway: GatewayProcess;
  let traces: ShopTrace[];
  let inTempo: TempoApi;
  let inStore: TempoApi;

  beforeAll(async () => {
    tempo = await startTempo();
    gateway = await startGatewayProcess({
      env: { TEMPO_OTLP_ENDPOINT: `http://${tempo.otlpGrpc}`, TAILGATE_DECISION_WAIT: '5s' },
    });
    inTempo = tempoApi(tempo.url);
    inStore = tempoApi(`http://${gateway.admin}`);
    traces = [...shopTraces(7, 350, Date.now()), ...shopTraces(8, 30, Date.now(), 'incident')];
    const sender = senderTo(gateway);
    for (const [i, request] of shopRequests(traces).entries())
      await (i % 2 === 0 ? sender.grpc(request) : sender.http(request, 'gzip'));
    sender.close();
    await eventually(async () => expect(await find('--tempo', tempo.url)).toHaveLength(kept().length), 90_000);
  });
  afterAll(async () => {
    await gateway?.kill();
    await tempo?.stop();
  });

  const kept = (is: (trace: ShopTrace) => boolean = () => true): string[] =>
    traces
      .filter((trace) => trace.policy !== '' && is(trace))
      .map(({ id }) => id)
      .sort();

  const find = async (...flags: string[]): Promise<string[]> => {
    const args = ['--gateway', gateway.admin, '-o', 'ids', 'trace', 'find', '--last', '1h', '--limit', '1000'];
    return (await obsctl(...args, ...flags)).ids;
  };

  it('finds every trace that must be kept, and none that was dropped', async () => {
    await eventually(async () => expect(await find('--tempo', tempo.url)).toEqual(kept()));
    expect(new Set(traces.map(({ policy }) => policy))).toEqual(new Set(['', 'errors', 'slow', 'routes', 'baseline']));
  });

  it('has every span of a kept trace, by Tempo’s own count', async () => {
    const args = ['--tempo', tempo.url, '--gateway', gateway.admin, '-o', 'jsonl', 'trace', 'find', '--limit', '1000'];
    await eventually(async () => {
      const { out } = await obsctl(...args);
      const rows: { traceId: string; spans: number; errors: number; policy: string }[] = out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      const told = new Map(rows.map((row) => [row.traceId, row]));
      for (const { id, spans, policy } of traces.filter((trace) => trace.policy !== ''))
        expect(told.get(id)).toMatchObject({
          spans: spans.length,
          errors: spans.filter(({ status }) => status.code === 2).length,
          // obsctl asks the gateway for the policies of the first hundred.
          policy: expect.stringMatching(new RegExp(`^(${policy}|)$`)),
        });
      expect(rows.filter(({ policy }) => policy !== '').length).toBeGreaterThanOrEqual(Math.min(100, rows.length));
    });
  });

  it('shows a kept trace with its policy, and knows why another is not there', async () => {
    const [failed] = traces.filter(({ policy }) => policy === 'errors');
    const shown = await eventually(async () => {
      const run = await obsctl('--tempo', tempo.url, 'trace', 'show', failed.id);
      expect(run.code).toBe(0);
      return run;
    });
    expect(shown.out).toMatch(new RegExp(`^spans {5}${failed.spans.length} in `, 'm'));
    expect(shown.out).toMatch(/^sampling {2}kept by errors, weight 1, revision file-[0-9a-f]{8}/m);

    const [dropped] = traces.filter(({ policy }) => policy === '');
    const absent = await obsctl('--tempo', tempo.url, 'trace', 'show', dropped.id);
    expect([absent.code, absent.out]).toEqual([3, '']);
    const explained = await obsctl('--gateway', gateway.admin, 'explain', dropped.id);
    expect(explained.out).toMatch(/^verdict {5}dropped/m);
  });

  it.each([
    ['errors', ['--status', 'error']],
    ['a route by every convention', ['--route', '/login']],
    ['slow spans of one service', ['--service', 'frontend', '--min-duration', '500ms']],
    ['an attribute', ['--attr', 'http.request.method=POST']],
    ['a number', ['--attr', 'http.status_code=200']],
    ['a policy', ['--attr', 'tailgate.policy=baseline']],
    ['a resource', ['--attr', 'resource.telemetry.sdk.language=go']],
    ['TraceQL', ['-q', '{ kind = server && span.http.route != nil && duration > 5ms }']],
    ['a regular expression', ['-q', '{ name =~ "GET .*" && status != error }']],
    ['what is not there', ['--service', 'no such service']],
  ])('gives the same traces from Tempo and from the gateway’s own store: %s', async (_, flags) => {
    const fromStore = await find(...flags);
    await eventually(async () => expect(fromStore).toEqual(await find('--tempo', tempo.url, ...flags)));
    if (!flags.includes('no such service')) expect(fromStore.length).toBeGreaterThan(0);
  });

  it.each([
    [{ tags: 'service.name=frontend' }],
    [{ tags: 'status.code=error', minDuration: '100ms' }],
    [{ maxDuration: '20ms' }],
    [{ q: '{ traceDuration <= 20ms }' }],
    [{ q: '{ rootServiceName = "frontend-proxy" }' }],
    [{ q: '{ status = error } && { kind = server }' }],
  ])('gives the same traces from both to Grafana’s search %j', async (parameters) => {
    const end = Math.ceil(Date.now() / 1000) + 1;
    const window = { start: String(end - 3600), end: String(end), limit: '1000' };
    const asked = { ...parameters, ...window } as Record<string, string>;
    const fromStore = await inStore.search(asked);
    await eventually(async () => expect(fromStore).toEqual(await inTempo.search(asked)));
    expect(fromStore.length).toBeGreaterThan(0);
  });

  it('gives the same spans from both, in both versions of the API', async () => {
    for (const id of kept().slice(0, 40)) {
      const inBothVersions = await Promise.all([inStore.spans(id), inStore.spans(id, 2)]);
      await eventually(async () => {
        const one = await inTempo.spans(id);
        expect(one.length).toBeGreaterThan(0);
        for (const other of inBothVersions) expectSameSpans(other, one);
      });
    }
  });

  it('has in Tempo every span of every kept trace, once and as it was sent', async () => {
    const wanted = byTrace(shopRequests(traces).map(decodeRequest));
    for (const id of kept()) {
      const spans = wanted.get(id) ?? [];
      const twins = twinIds(spans);
      const sent = renamed(unmarked(spans), twins);
      await eventually(async () => expectSameSpans(renamed(unmarked(await inTempo.spans(id)), twins), sent));
    }
  });

  it('completes the same tags and values from both', async () => {
    await eventually(async () => {
      expect(await inStore.tags('resource')).toEqual(await inTempo.tags('resource'));
      expect(await inStore.tags('span')).toEqual(await inTempo.tags('span'));
      // Tempo writes `undefined` where a resource has no service.name.
      for (const tag of ['resource.service.name', 'span.http.route', 'span.tailgate.policy', 'status'])
        expect([tag, ...(await inStore.values(tag))]).toEqual([
          tag,
          ...(await inTempo.values(tag)).filter((value) => value !== 'string:undefined'),
        ]);
    });
  });

  it('keeps balanced books of both ways', async () => {
    const status = await gateway.status();
    expect(status.books).toMatchObject({ balanced: true });
    const spans = traces.filter(({ policy }) => policy !== '').reduce((sum, trace) => sum + trace.spans.length, 0);
    for (const name of ['tempo', 'store'])
      expect(booksOf(status, name)).toEqual(
        expect.objectContaining({ kept: spans, exported: spans, queued: 0, failed: 0 }),
      );
  });
});

describe.skipIf(refused)('a Tempo that goes away and comes back', () => {
  it('gets everything in the end: the queue holds, and the store never waits for it', async () => {
    let tempo = await startTempo();
    onTestFinished(() => tempo.stop());
    const { gateway, sender } = await gatewayBefore(tempo);
    const sent: Uint8Array[] = [];
    const sendFor = async (ms: number): Promise<void> => {
      for (const until = Date.now() + ms; Date.now() < until; await sleep(20)) {
        const request = failing(`outage ${sent.length}`);
        await sender.grpc(request);
        sent.push(request);
      }
    };
    await sendFor(1_000);
    await eventually(async () => expect(booksOf(await gateway.status(), 'tempo').exported).toBeGreaterThan(0));

    const { ports } = tempo;
    const down = tempo.kill();
    await sendFor(500);
    await down;
    const beforeDown = sent.length;
    await sendFor(2_000);
    await eventually(async () => {
      const during = await gateway.status();
      expect(during.books).toMatchObject({ balanced: true });
      expect(booksOf(during, 'tempo').queued).toBeGreaterThan(0);
      expect(booksOf(during, 'store').exported).toBeGreaterThan(booksOf(during, 'tempo').exported);
      expect(JSON.stringify(during.export)).toMatch(
        /"name":"tempo","queueBytes":[1-9]\d*,"failing":"","lastError":"UNAVAILABLE/,
      );
    });
    const sinceDown = sent.slice(beforeDown).slice(-50);

    tempo = await startTempo({ ports });
    await sendFor(1_000);
    const after = await eventually(async () => {
      const status = await gateway.status();
      expect(booksOf(status, 'tempo')).toMatchObject({ kept: 2 * sent.length, exported: 2 * sent.length });
      return status;
    }, 60_000);
    expect(after.books).toMatchObject({ balanced: true });
    expect(booksOf(after, 'tempo')).toMatchObject({ queued: 0, failed: 0 });
    expect(await metric(gateway, 'tailgate_export_retries_total', 'tempo')).toBeGreaterThan(0);
    const back = tempoApi(tempo.url);
    await expectAllIn(back, [...sinceDown, ...sent.slice(beforeDown).slice(-20)]);
  });

  it('is tried until the shutdown is over when it is away, and what is lost is told', async () => {
    const tempo = await startTempo();
    const { gateway, sender } = await gatewayBefore(tempo, { shutdown_timeout: '2s' });
    await sender.grpc(failing('before'));
    await eventually(async () => expect(booksOf(await gateway.status(), 'tempo').exported).toBe(2));
    await tempo.kill();
    await sender.grpc(failing('after'));
    await eventually(async () => expect(booksOf(await gateway.status(), 'store').exported).toBe(4));
    gateway.signal('SIGTERM');
    expect(await gateway.exited()).toBe(3);
    expect(gateway.events('stopped')).toMatchObject([{ level: 'error', lostSpans: 2 }]);
  });
});

describe.skipIf(refused)('a Tempo that takes only so much', () => {
  it('is asked again when it says, not sooner, and gets all of it', async () => {
    const tempo = await startTempo({ rateLimitBytes: 60_000, burstBytes: 60_000, retryInfo: '1s' });
    onTestFinished(() => tempo.stop());
    const { gateway, sender } = await gatewayBefore(tempo, { batch: { max_bytes: '20KiB', max_age: '100ms' } });
    const from = performance.now();
    const requests = Array.from({ length: 60 }, (_, i) => failing(`much ${i}`, 4_000));
    for (const request of requests) await sender.http(request);
    await eventually(async () => expect(booksOf(await gateway.status(), 'tempo').exported).toBe(120), 60_000);
    const seconds = (performance.now() - from) / 1000;
    const status = await gateway.status();
    expect(booksOf(status, 'tempo')).toMatchObject({ kept: 120, queued: 0, failed: 0 });
    expect(JSON.stringify(status.export)).toContain('RESOURCE_EXHAUSTED');
    // Without the hint, the pauses of 100 ms and more would make it several times as many.
    const retries = await metric(gateway, 'tailgate_export_retries_total', 'tempo');
    expect(retries).toBeGreaterThan(0);
    expect(retries).toBeLessThanOrEqual(4 * (seconds + 1));
    await expectAllIn(tempoApi(tempo.url), requests);
  });

  it('gets a batch in pieces that is larger than it ever takes at once', async () => {
    const tempo = await startTempo({ rateLimitBytes: 60_000, burstBytes: 60_000, retryInfo: '1s' });
    onTestFinished(() => tempo.stop());
    const { gateway, sender } = await gatewayBefore(tempo);
    const [first, second] = [0, 1].map((half) =>
      requestBytes(
        ...Array.from({ length: 20 }, (_, i) => ({
          trace: `piece ${half} ${i}`,
          status: 'ERROR' as const,
          padding: 2_000,
        })),
      ),
    );
    await Promise.all([sender.grpc(first), sender.grpc(second)]);
    await eventually(async () => expect(booksOf(await gateway.status(), 'tempo').exported).toBe(40), 60_000);
    expect(booksOf(await gateway.status(), 'tempo')).toMatchObject({ queued: 0, failed: 0 });
    await expectAllIn(tempoApi(tempo.url), [first, second]);
  });
});

describe.skipIf(refused)('a Tempo with habits of its own', () => {
  it('gets a trace that is larger than it takes in one message', async () => {
    const tempo = await startTempo();
    onTestFinished(() => tempo.stop());
    const { gateway, sender } = await gatewayBefore(tempo);
    const parts = Array.from({ length: 3 }, (_, part) =>
      requestBytes(
        ...Array.from({ length: 100 }, (_, i) => ({ trace: 'huge', id: `${part} ${i}`, parent: 'x', padding: 14_500 })),
        { trace: 'huge', parent: 'x', status: 'ERROR' },
      ),
    );
    await Promise.all(parts.map((part) => sender.http(part, 'gzip')));
    await eventually(async () => expect(booksOf(await gateway.status(), 'tempo').exported).toBe(303));
    expect(booksOf(await gateway.status(), 'tempo')).toMatchObject({ queued: 0, failed: 0 });
    await expectAllIn(tempoApi(tempo.url), parts);
  });

  it('is written to over HTTP, as the tenant that a header names, and read as that tenant', async () => {
    const tempo = await startTempo({ multitenancy: true });
    onTestFinished(() => tempo.stop());
    const otlp = { endpoint: tempo.otlpHttp, protocol: 'http', headers: { 'X-Scope-OrgID': 'shop' } };
    const { gateway, sender } = await gatewayBefore(tempo, { export: [{ name: 'tempo', otlp }] });
    await sender.grpc(failing('a tenant’s'));
    await eventually(async () => expect(booksOf(await gateway.status(), 'tempo').exported).toBe(2));
    const show = (...flags: string[]) =>
      obsctl('--tempo', tempo.url, ...flags, '-o', 'ids', 'trace', 'show', traceIdHex('a tenant’s'));
    await eventually(async () => expect((await show('--org-id', 'shop')).ids).toEqual([traceIdHex('a tenant’s')]));
    expect((await show('--org-id', 'other')).code).toBe(3);
    expect((await show()).code).toBe(5);
  });
});
