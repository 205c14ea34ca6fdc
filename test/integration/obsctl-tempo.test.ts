import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DemoSpan, encodeRequest, endingAt, generateTrace, seeded } from '../../src/cli/demo/generate.ts';
import { obsctl } from '../../src/cli/obsctl/obsctl.ts';
import { findServer, type RunningTempo, startTempo } from '../../tools/servers/start.ts';
import { fakeProcess } from '../cli/fake-process.ts';
import { eventually } from '../support/gateway.ts';

/**
 * obsctl against a real Tempo, filled over OTLP/HTTP with the demo's traffic: what it finds must be what was sent, told
 * by the spans themselves and not by our own search. Tempo does not find a trace for the moment in which it moves it from
 * memory to disk, so it is asked again.
 */
const refused = 'refused' in findServer('tempo') ? findServer('tempo') : undefined;
if (refused) process.stderr.write(`SKIPPED: obsctl against Tempo: ${JSON.stringify(refused)}\n`);

describe.skipIf(refused)('obsctl against Tempo', () => {
  let tempo: RunningTempo;
  let traces: Map<string, DemoSpan[]>;

  beforeAll(async () => {
    tempo = await startTempo();
    const random = seeded(20_251_125);
    const made = [
      ...Array.from({ length: 250 }, () => generateTrace(random, Date.now())),
      ...Array.from({ length: 20 }, () => generateTrace(random, Date.now(), 'incident')),
    ];
    traces = new Map(made.map((spans) => [spans[0].traceId, endingAt(spans, Date.now() - 1000)]));
    for (const spans of traces.values()) markAsKept(spans);
    await push([...traces.values()].flat());
    const all = [...traces.keys()].sort();
    await eventually(async () => expect(await find()).toEqual(all), 60_000);
  });
  afterAll(() => tempo?.stop());

  /** As the gateway marks what it keeps. */
  function markAsKept(spans: readonly DemoSpan[]): void {
    spans[0].attributes = { ...spans[0].attributes, 'tailgate.policy': 'baseline', 'tailgate.revision': 'file-1' };
    for (const span of spans) span.traceState = 'ot=th:c';
  }

  async function push(spans: readonly DemoSpan[]): Promise<void> {
    for (let i = 0; i < spans.length; i += 500) {
      const body = encodeRequest(spans.slice(i, i + 500));
      const headers = { 'content-type': 'application/x-protobuf' };
      const answer = await fetch(`${tempo.otlpHttp}/v1/traces`, { method: 'POST', headers, body: Buffer.from(body) });
      expect(answer.status).toBe(200);
    }
  }

  async function run(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
    const process = fakeProcess({ env: { OBSCTL_TEMPO: tempo.url, OBSCTL_GATEWAY: 'http://127.0.0.1:1' } });
    const code = await obsctl(argv, process);
    return { code, out: process.out, err: process.err };
  }

  const find = async (...flags: string[]): Promise<string[]> =>
    (await run('trace', 'find', '--last', '1h', '--limit', '1000', '-o', 'ids', ...flags)).out
      .split('\n')
      .filter(Boolean)
      .sort();

  const sent = (matches: (span: DemoSpan) => boolean): string[] =>
    [...traces]
      .filter(([, spans]) => spans.some(matches))
      .map(([id]) => id)
      .sort();

  const lengthMs = (span: DemoSpan): number => Number(span.endNs - span.startNs) / 1e6;

  it('finds the errors, all of them and nothing else', async () => {
    const expected = sent((span) => span.status.code === 2);
    expect(expected.length).toBeGreaterThan(3);
    await eventually(async () => expect(await find('--status', 'error')).toEqual(expected));
  });

  it('finds the slow ones of a service', async () => {
    const expected = sent(
      (span) => span.service === 'frontend' && 'service.name' in span.resource.attributes && lengthMs(span) > 500,
    );
    expect(expected.length).toBeGreaterThan(0);
    await eventually(async () =>
      expect(await find('--service', 'frontend', '--min-duration', '500ms')).toEqual(expected),
    );
  });

  it.each([
    ['/api/v1/content', (text: string) => /^(http:\/\/[^/]+)?\/api\/v1\/content(\?.*)?$/.test(text)],
    ['/login', (text: string) => /^(http:\/\/[^/]+)?\/login(\?.*)?$/.test(text)],
    ['/api/*', (text: string) => /^(http:\/\/[^/]+)?\/api(\/.*)?$/.test(text)],
  ])('finds the route %s by every convention: Envoy, old Python, new Node and Go', async (route, matches) => {
    const keys = ['http.route', 'url.path', 'http.target', 'http.url', 'url.full'];
    const expected = sent((span) => keys.some((key) => matches(String(span.attributes[key] ?? ''))));
    expect(expected.length).toBeGreaterThan(3);
    await eventually(async () => expect(await find('--route', route)).toEqual(expected));
  });

  it('finds a number whether it was sent as a number or as text', async () => {
    const expected = sent((span) => String(span.attributes['http.status_code']) === '200');
    await eventually(async () => expect(await find('--attr', 'http.status_code=200')).toEqual(expected));
    const strings = sent((span) => span.attributes['http.status_code'] === '200');
    await eventually(async () => expect(await find('-q', '{ .http.status_code = "200" }')).toEqual(strings));
  });

  it('ends with 3 where nothing is like that, whatever stands in the flags', async () => {
    const odd = 'a"b\\c\n{}[d]^$ (e) 商品';
    expect((await run('trace', 'find', '--service', odd, '--route', odd, '--attr', `my key=${odd}`)).code).toBe(3);
    expect((await run('trace', 'find', '--attr', 'x=-1.5', '--attr', '007=true', '--max-duration', '1m')).code).toBe(3);
  });

  it('says what Tempo does not understand', async () => {
    const { code, err } = await run('trace', 'find', '-q', '{ nonsense');
    expect(code).toBe(2);
    expect(err).toContain('parse error');
  });

  it('lists the newest first, with the counts of spans and errors', async () => {
    await eventually(async () => {
      const { code, out } = await run('trace', 'find', '--last', '1h', '--limit', '30', '-o', 'jsonl');
      expect(code).toBe(0);
      const rows = out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      const starts = rows.map((row) => row.start);
      expect(starts).toEqual(starts.toSorted().reverse());
      for (const row of rows) {
        const spans = traces.get(row.traceId)!;
        expect([row.traceId, row.spans, row.errors]).toEqual([
          row.traceId,
          spans.length,
          spans.filter((span) => span.status.code === 2).length,
        ]);
      }
    });
  });

  it('shows each trace whole: every span once, with policy and weight', async () => {
    for (const [id, spans] of [...traces].slice(-60)) {
      const out = await eventually(async () => {
        const shown = await run('trace', 'show', id, '--width', '200');
        expect(shown.code).toBe(0);
        expect(shown.out).toMatch(new RegExp(`^spans {5}${spans.length} in `, 'm'));
        return shown.out;
      });
      expect(out).toContain(`trace     ${id}\n`);
      expect(out).toContain('sampling  kept by baseline, weight 4, revision file-1\n');
      expect(out.split('\n').filter((line) => line.includes('✗'))).toHaveLength(
        spans.filter((span) => span.status.code === 2).length,
      );
    }
  });

  it('gives a trace back as OTLP JSON with the ids and times that were sent', async () => {
    const [id, spans] = [...traces].find(([, each]) => each.length > 20)!;
    const out = await eventually(async () => {
      const shown = await run('trace', 'show', `00-${id}-00f067aa0ba902b7-01`, '-o', 'jsonl');
      expect(shown.code).toBe(0);
      return shown.out;
    });
    type Stored = { traceId: string; spanId: string; kind: number; startTimeUnixNano: string };
    const stored: Stored[] = JSON.parse(out).resourceSpans.flatMap((r: { scopeSpans: { spans: Stored[] }[] }) =>
      r.scopeSpans.flatMap((s) => s.spans),
    );
    const key = (it: { traceId: string; spanId: string; kind: number }, start: unknown) =>
      `${it.traceId} ${it.spanId} ${it.kind} ${start}`;
    expect(stored.map((it) => key(it, it.startTimeUnixNano ?? 0)).sort()).toEqual(
      spans.map((it) => key(it, it.startNs)).sort(),
    );
  });

  it('ends with 3 for a trace that Tempo does not have', async () => {
    const { code, err } = await run('trace', 'show', 'f'.repeat(32));
    expect(code).toBe(3);
    expect(err).toContain('no trace ffff');
  });
});
