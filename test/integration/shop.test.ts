import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { byTrace, type PlacedSpan } from '../support/captures.ts';
import { eventually, type GatewayProcess, startGatewayProcess } from '../support/gateway.ts';
import { obsctl } from '../support/obsctl.ts';
import { attribute, decodeRequest } from '../support/otlp.ts';
import { senderTo } from '../support/otlp-send.ts';
import { type ShopTrace, shopRequests, shopTraces } from '../support/shop.ts';
import { type TempoApi, tempoApi } from '../support/tempo-api.ts';

/**
 * What a newcomer does: starts the gateway, sends it the demo's shop, and looks around with obsctl, Grafana and a
 * browser.
 */
const tailgate = fileURLToPath(new URL('../../bin/tailgate', import.meta.url));

interface Demo {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Spans that the gateway took, and did not take, as the demo tells. */
  readonly taken: number;
  readonly refused: number;
}

/** `tailgate demo`; SIGINT when `enough` resolves, where that is given. */
function demo(gateway: GatewayProcess, args: string[], enough?: Promise<unknown>): Promise<Demo> {
  const child = spawn(tailgate, ['demo', '--grpc', gateway.grpc, '--http', gateway.http, ...args]);
  const interrupt = () => child.kill('SIGINT');
  void enough?.then(interrupt, interrupt);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk));
  return new Promise((resolve) =>
    child.once('close', (code) => {
      const told = stderr.match(/(\d+) spans taken by the gateway, (\d+) refused.*\n$/) ?? [];
      resolve({ code, stdout, stderr, taken: Number(told[1]), refused: Number(told[2]) });
    }),
  );
}

/** Spans as their sender gave them, with resource and scope, as text, in an order of their own. */
const sentSpans = (spans: readonly PlacedSpan[]): string[] =>
  spans
    .map(({ span: { traceState, attributes, ...span }, scope, ...place }) => {
      const own = (attributes ?? []).filter(({ key }) => !key.startsWith('tailgate.'));
      // A scope that is there and empty is one that is not there.
      return JSON.stringify({ ...place, scope: scope ?? {}, span, own });
    })
    .sort();

interface Books {
  readonly balanced: boolean;
  readonly spans: Record<string, number>;
  readonly exporters: readonly { readonly queued: number; readonly failed: number }[];
}

describe('the demo’s shop', () => {
  let gateway: GatewayProcess;
  let store: TempoApi;
  let once: Demo;
  let stream: Demo;
  let ours: ShopTrace[];
  let books: Books;

  beforeAll(async () => {
    gateway = await startGatewayProcess({ env: { TAILGATE_DECISION_WAIT: '5s' } });
    store = tempoApi(`http://${gateway.admin}`);
    once = await demo(gateway, ['--once', '300', '--seed', '11']);
    const more = eventually(async () => {
      const { received } = ((await gateway.status()).books as unknown as Books).spans;
      expect(received).toBeGreaterThan(once.taken + 3_000);
    }, 60_000);
    stream = await demo(gateway, ['--rate', '60', '--profile', 'incident'], more);
    await more;
    ours = [...shopTraces(12, 80, Date.now()), ...shopTraces(13, 10, Date.now(), 'incident')];
    const sender = senderTo(gateway);
    for (const request of shopRequests(ours)) await sender.grpc(request);
    sender.close();
    books = await eventually(async () => {
      const current = (await gateway.status()).books as unknown as Books;
      expect([current.spans.waiting, ...current.exporters.map(({ queued }) => queued)]).toEqual([0, 0]);
      return current;
    });
  });
  afterAll(() => gateway?.kill());

  const operator = (...args: string[]) => obsctl('--gateway', gateway.admin, ...args);
  const seconds = () => {
    const end = Math.ceil(Date.now() / 1000) + 1;
    return { start: String(end - 3600), end: String(end) };
  };

  it('is taken whole, all at once and as a stream that ends by Ctrl-C', () => {
    expect(once.stderr).toContain('300 traces made');
    for (const run of [once, stream]) {
      expect(run.code).toBe(0);
      expect(run.taken).toBeGreaterThan(300);
      expect(run.refused).toBe(0);
    }
  });

  it('balances in the books, to the span', () => {
    const own = ours.reduce((sum, { spans }) => sum + spans.length, 0);
    expect(books.balanced).toBe(true);
    expect(books.spans.received).toBe(once.taken + stream.taken + own);
    expect(books.spans).toMatchObject({ invalid: 0, lost: 0, waiting: 0 });
    expect(books.exporters).toEqual([expect.objectContaining({ name: 'store', failed: 0 })]);
  });

  it('counts the same in the metrics', async () => {
    const metrics = await gateway.get('/metrics');
    const sum = (name: string, label = ''): number =>
      [...metrics.matchAll(new RegExp(`^tailgate_${name}(?:\\{([^}]*)\\})? (\\S+)$`, 'gm'))]
        .filter(([, labels = '']) => labels.includes(label))
        .reduce((total, [, , value]) => total + Number(value), 0);
    expect(sum('received_spans_total')).toBe(books.spans.received);
    for (const outcome of ['kept', 'dropped', 'late_kept', 'late_dropped', 'invalid', 'lost'])
      expect([outcome, sum('outcome_spans_total', `outcome="${outcome}"`)]).toEqual([outcome, books.spans[outcome]]);
    expect(sum('exported_spans_total')).toBe(books.spans.kept + books.spans.late_kept);
    expect(sum('refused_requests_total')).toBe(0);
    expect(sum('rules_last_load_success')).toBe(1);
  });

  it('ends with advice that works as it stands', async () => {
    const commands = [...once.stdout.matchAll(/^\s*bin\/obsctl (.+)$/gm)].map(([, command]) => command);
    expect(commands.length).toBeGreaterThan(0);
    for (const command of commands) {
      const words = command
        .split(/\s{2,}#/)[0]
        .trim()
        .split(/\s+/);
      const { code, out, err } = await operator(...words);
      expect([command, code, err]).toEqual([command, 0, expect.not.stringContaining('error')]);
      expect(out).not.toBe('');
    }
  });

  it('is found where it must be kept, and nowhere else', async () => {
    const { ids } = await operator('-o', 'ids', 'trace', 'find', '--last', '1h', '--limit', '5000');
    const found = new Set(ids);
    for (const { id, policy } of ours) expect([policy, found.has(id)]).toEqual([policy, policy !== '']);
  });

  it('is stored with every span, once and as it was sent', async () => {
    const sent = byTrace(shopRequests(ours).map(decodeRequest));
    for (const { id, policy } of ours)
      if (policy !== '') expect(sentSpans(await store.spans(id))).toEqual(sentSpans(sent.get(id)!));
  });

  it('is explained, kept or dropped, policy by policy', async () => {
    const [dropped] = ours.filter(({ policy }) => policy === '');
    const [kept] = ours.filter(({ policy }) => policy === 'baseline');
    const why = await operator('explain', kept.id);
    expect(why.out).toMatch(/^verdict {5}kept by baseline\nweight {6}10 \(ot=th:e666\)$/m);
    expect(why.out).toMatch(/^baseline +keep +← decided +it is among the 10 % kept$/m);
    const whyNot = await operator('explain', dropped.id);
    expect(whyNot.out).toMatch(/^verdict {5}dropped/m);
    for (const policy of ['errors', 'slow', 'routes', 'baseline'])
      expect(whyNot.out).toMatch(new RegExp(`^${policy} +abstain`, 'm'));
    const asData = JSON.parse((await operator('-o', 'json', 'explain', dropped.id)).out);
    expect(asData).toMatchObject({ verdict: 'drop', trigger: 'wait', spans: dropped.spans.length, lateSpans: 0 });
    expect((await operator('explain', 'ab'.repeat(16))).code).toBe(3);
  });

  it('is told by obsctl status', async () => {
    const { code, out } = await operator('status');
    expect(code).toBe(0);
    expect(out).toMatch(/^books {5}balanced$/m);
    expect(out).toMatch(/^rules {5}file-[0-9a-f]{8} /m);
    expect(out).toMatch(new RegExp(`^received +${books.spans.received}`, 'm'));
  });

  it('carries a weight of ten where the id alone chose it', async () => {
    const traces = await store.search({ q: '{ span.tailgate.policy = "baseline" }', limit: '5000', ...seconds() });
    expect(traces.length).toBeGreaterThan(10);
    for (const trace of traces)
      for (const { span } of await store.spans(trace)) expect(span.traceState).toMatch(/^ot=th:e666(,|$)/);
  });

  describe('in Grafana, by the calls of its Tempo data source', () => {
    const get = (path: string, accept = '*/*') => fetch(`http://${gateway.admin}${path}`, { headers: { accept } });

    it('is a source that answers', async () => {
      expect((await (await get('/api/echo')).text()).trim()).toBe('echo');
      expect(await (await get('/api/status/buildinfo')).json()).toMatchObject({
        version: expect.stringMatching(/^2\./),
      });
    });

    it('is searched by TraceQL, with the spans that match', async () => {
      const answer = await store.json('/api/search', { q: '{ status = error }', limit: '20', spss: '3', ...seconds() });
      const { traces } = answer as { traces: { traceID: string; spanSets: { spans: unknown[]; matched: number }[] }[] };
      expect(traces).toHaveLength(20);
      for (const { spanSets } of traces) {
        expect(spanSets[0].matched).toBeGreaterThan(0);
        expect(spanSets[0].spans.length).toBe(Math.min(3, spanSets[0].matched));
      }
    });

    it('is searched by tags, as older versions do', async () => {
      const traces = await store.search({ tags: 'service.name="frontend" http.request.method=POST', limit: '50' });
      expect(traces.length).toBeGreaterThan(0);
      for (const trace of traces.slice(0, 5))
        expect((await store.spans(trace)).some(({ span }) => attribute(span, 'http.request.method') === 'POST')).toBe(
          true,
        );
    });

    it('completes tags and their values while a query is typed', async () => {
      expect(await store.tags('resource')).toEqual(expect.arrayContaining(['service.name', 'telemetry.sdk.language']));
      expect(await store.tags('span')).toEqual(expect.arrayContaining(['http.route', 'tailgate.policy']));
      expect(await store.values('resource.service.name')).toEqual(expect.arrayContaining(['string:frontend']));
      expect(await store.values('status')).toEqual(['keyword:error', 'keyword:ok', 'keyword:unset']);
      const path = '/api/v2/search/tag/span.http.route/values';
      const narrowed = await store.json(path, { q: '{ resource.service.name = "account" }', ...seconds() });
      expect(JSON.stringify(narrowed)).toContain('"/login"');
      expect(JSON.stringify(narrowed)).not.toContain('"/upload"');
      expect(await store.json('/api/search/tags')).toMatchObject({ tagNames: expect.arrayContaining(['http.route']) });
      const values = await store.json('/api/search/tag/service.name/values');
      expect(values).toMatchObject({ tagValues: expect.arrayContaining(['frontend']) });
    });

    it('is opened by id in both versions, as JSON and as protobuf', async () => {
      const [{ id, spans }] = ours.filter(({ policy }) => policy === 'errors');
      const wanted = sentSpans(byTrace(shopRequests(ours).map(decodeRequest)).get(id)!);
      for (const version of [1, 2] as const) expect(sentSpans(await store.spans(id, version))).toEqual(wanted);
      type Stored = { scopeSpans: { spans: unknown[] }[] }[];
      const count = (list: Stored) => list.flatMap((each) => each.scopeSpans.flatMap((scope) => scope.spans)).length;
      const { batches } = await store.json(`/api/traces/${id}`, seconds());
      const { trace } = await store.json(`/api/v2/traces/${id}`, seconds());
      expect(count(batches as Stored)).toBe(spans.length);
      expect(count((trace as { resourceSpans: Stored }).resourceSpans)).toBe(spans.length);
      const protobuf = await get(`/api/v2/traces/${id}`, 'application/protobuf');
      expect(protobuf.headers.get('content-type')).toBe('application/protobuf');
    });

    it('is told what it asked wrongly', async () => {
      expect((await get(`/api/traces/${'ab'.repeat(16)}`)).status).toBe(404);
      expect((await get('/api/traces/not-hex')).status).toBe(400);
      const wrong = await get(`/api/search?q=${encodeURIComponent('{ status = }')}`);
      expect([wrong.status, await wrong.text()]).toEqual([400, expect.stringContaining('invalid TraceQL query')]);
      expect((await get('/api/search?start=200&end=100')).status).toBe(400);
    });
  });

  it('has a page, and what the page asks for answers', async () => {
    const response = await fetch(`http://${gateway.admin}/`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^text\/html/);
    const html = await response.text();
    const paths = new Set([...html.matchAll(/['"`](\/api\/(?:status|search))\b/g)].map(([, path]) => path));
    expect([...paths].sort()).toEqual(['/api/search', '/api/status']);
    for (const path of paths) expect((await fetch(`http://${gateway.admin}${path}`)).status).toBe(200);
  });
});
