import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { State } from '../../tools/obs/state.ts';
import { freePort } from '../../tools/servers/ports.ts';
import { findServer } from '../../tools/servers/start.ts';
import { byTrace } from '../support/captures.ts';
import { dashboards, shown } from '../support/dashboards.ts';
import { eventually } from '../support/gateway.ts';
import { addressOf, type Ended, runningIn, stateIn, typed } from '../support/local-stack.ts';
import { decodeRequest } from '../support/otlp.ts';
import { requestBytes, traceIdHex } from '../support/spans.ts';
import { tempoApi } from '../support/tempo-api.ts';

const refused = 'refused' in findServer('tempo') ? findServer('tempo') : undefined;
if (refused) process.stderr.write(`SKIPPED: the local stack: ${JSON.stringify(refused)}\n`);

const alerts: readonly { readonly alert: string; readonly expr: string }[] = parse(
  readFileSync(new URL('../../deploy/prometheus/alerts.yaml', import.meta.url), 'utf8'),
).groups.flatMap(({ rules }: { rules: unknown[] }) => rules);
/** What one gateway without Kafka and TLS does not have; promtool's tests have it. */
const notHere = /^tailgate_(fleet|kafka|certificate|files)/;

/** The local stack as a newcomer has it: one command up, three to look around, one down. As processes, as CI has no engine. */
describe.skipIf(refused)('make obs-up', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tailgate-obs-'));
  const elsewhere = join(directory, 'elsewhere');
  const make = (target: string, more = '') =>
    typed(`make --no-print-directory ${target} OBS="--directory ${directory} ${more}"`);
  let up: Ended;
  let state: State;
  let groups: number[];
  const at = (name: keyof State['ports']) => addressOf(state.ports, name);
  const tempo = () => tempoApi(at('tempo.http'));

  beforeAll(async () => {
    up = await make('obs-up', '--processes --free-ports');
    expect(up.code, up.text).toBe(0);
    state = stateIn(directory);
    groups = state.processes.map(({ pid }) => pid);
  });
  afterAll(async () => {
    await make('obs-down', '--forget');
    rmSync(directory, { recursive: true, force: true });
  });

  /** Sends a trace of two spans to the gateway; its id, and the request as Tempo should give it back. */
  async function send(name: string, route: string) {
    const startMs = Date.now() - 200;
    const body = requestBytes(
      {
        trace: name,
        id: `${name}-root`,
        service: 'newcomer',
        name: route,
        startMs,
        durationMs: 100,
        attributes: { 'http.route': route },
      },
      {
        trace: name,
        id: `${name}-child`,
        parent: `${name}-root`,
        service: 'newcomer',
        name: 'query',
        startMs,
        durationMs: 50,
      },
    );
    const headers = { 'content-type': 'application/x-protobuf' };
    const answer = await fetch(`${at('gateway.http')}/v1/traces`, { method: 'POST', headers, body: Buffer.from(body) });
    expect(answer.status).toBe(200);
    return { id: traceIdHex(name), spans: byTrace([decodeRequest(body)]).get(traceIdHex(name)) ?? [] };
  }

  /** Ids, parents, names and times of spans, in an order of their own. */
  const identities = (spans: Awaited<ReturnType<typeof send>>['spans']) =>
    spans
      .map(({ span }) =>
        [span.spanId, span.parentSpanId ?? '', span.name, span.startTimeUnixNano, span.endTimeUnixNano].join(' '),
      )
      .sort();

  async function prometheus(path: string, parameters: Record<string, string>) {
    const answer = await fetch(`${at('prometheus.http')}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const { status, error, data } = (await answer.json()) as { status: string; error?: string; data: never };
    expect(status, `${error}: ${JSON.stringify(parameters)}`).toBe('success');
    return data;
  }

  it('tells where everything is, and its three commands find something', async () => {
    for (const name of ['gateway.admin', 'tempo.http', 'prometheus.http', 'consul.http'] as const)
      expect(up.text).toContain(at(name));
    const named = up.text.split('\nTry:\n')[1]?.split('\n') ?? [];
    const commands = named.slice(0, 3).map((line) => line.trim());
    expect(commands).toHaveLength(3);
    const [find, show] = commands as [string, string];
    // What they name is there; Tempo moves it from memory to disk meanwhile, and may not find it for that moment.
    await eventually(async () =>
      expect(await typed(find)).toMatchObject({ code: 0, text: expect.stringMatching(/[0-9a-f]{32}/) }),
    );
    const trace = show.split(' ').at(-1);
    await eventually(async () =>
      expect(await typed(show)).toMatchObject({ code: 0, text: expect.stringContaining(trace!) }),
    );
  });

  it('the README’s three commands do what they say', async () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
    const block =
      readme
        .match(/```sh\nmake obs-up\n([\s\S]*?)```/)?.[1]
        ?.trim()
        .split('\n') ?? [];
    expect(block).toHaveLength(3);
    // The usual ports, in place of which the stack has others here; the last one changes rules, below.
    const here = (line: string) =>
      line.replace('http://127.0.0.1:3200', at('tempo.http')).replace('http://127.0.0.1:8500', at('consul.http'));
    // The first traces have the shop's front in them once their last spans are there.
    await eventually(async () =>
      expect(await typed(here(block[0]!))).toMatchObject({ code: 0, text: expect.stringContaining('frontend') }),
    );
    const status = `env OBSCTL_GATEWAY=${at('gateway.admin')} ${block[1]}`;
    await eventually(async () =>
      expect(await typed(status)).toMatchObject({ code: 0, text: expect.stringContaining('debug') }),
    );
    const change = up.text.match(/^ +(CONSUL_HTTP_ADDR.*)$/m)?.[1];
    expect(change?.replace(`--gateway ${at('gateway.admin')} `, '')).toBe(here(block[2]!));
  });

  it('a trace goes in, Tempo has it as it came, and obsctl finds it there', async () => {
    const { id, spans } = await send('obs-in', '/newcomers');
    await eventually(async () => expect(identities([...(await tempo().spans(id))])).toEqual(identities(spans)));
    const find = `bin/obsctl --tempo ${at('tempo.http')} trace find --service newcomer --route /newcomers -o ids`;
    await eventually(async () => expect((await typed(find)).text.trim()).toBe(id));
    const show = `bin/obsctl --tempo ${at('tempo.http')} trace show ${id}`;
    await eventually(async () => expect((await typed(show)).text).toContain('kept by debug'));
  });

  it('Prometheus has the gateway’s metrics, and those of services with exemplars that Tempo knows', async () => {
    await eventually(async () => {
      const query = 'sum(tailgate_received_spans_total)';
      const { result }: { result: { value: [number, string] }[] } = await prometheus('query', { query });
      expect(Number(result[0]?.value[1])).toBeGreaterThan(0);
    });
    const lastMinutes = () => {
      const now = Date.now() / 1000;
      return { start: String(now - 600), end: String(now) };
    };
    const ids = await eventually(async () => {
      const window = { query: 'traces_spanmetrics_latency_bucket', ...lastMinutes() };
      const series: { exemplars: { labels: { traceID: string } }[] }[] = await prometheus('query_exemplars', window);
      const told = series.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels.traceID.padStart(32, '0')));
      expect(told.length).toBeGreaterThan(5);
      return told;
    });
    for (const id of ids.slice(0, 5)) await eventually(async () => expect(await tempo().spans(id), id).not.toEqual([]));
    // Each scrape brings one a policy at most, so that two take several of them, with traces kept between.
    const examples = await eventually(async () => {
      const window = { query: 'tailgate_outcome_traces_total{outcome="kept"}', ...lastMinutes() };
      const kept: { exemplars: { labels: { trace_id: string } }[] }[] = await prometheus('query_exemplars', window);
      const told = kept.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels.trace_id));
      expect(told.length).toBeGreaterThan(1);
      return told;
    });
    expect(new Set(examples).size).toBe(examples.length); // one that did not change is not told again
    // What is kept is at Tempo once its batch is.
    for (const id of examples.slice(0, 3))
      await eventually(async () => expect(await tempo().spans(id), id).not.toEqual([]));
  });

  it('a key in Consul changes the verdicts', async () => {
    const before = await send('obs-login-before', '/login');
    await eventually(async () => expect(await tempo().spans(before.id)).toHaveLength(2));
    const change = up.text.match(/^ +(CONSUL_HTTP_ADDR.*)$/m)?.[1] ?? '';
    expect(await typed(`env ${change}`)).toMatchObject({ code: 0 });
    const [dropped, kept] = [await send('obs-login-after', '/login'), await send('obs-other-after', '/newcomers')];
    await eventually(async () => expect(await tempo().spans(kept.id)).toHaveLength(2));
    await eventually(async () => {
      const told = await typed(`bin/obsctl --gateway ${at('gateway.admin')} explain ${dropped.id}`);
      expect(told.text).toMatch(/drop[\s\S]*no-logins/);
    });
    expect(await tempo().spans(dropped.id)).toEqual([]);
  });

  it('every panel of the dashboards shows something', async () => {
    // What the demo has by chance only, and may not have had yet.
    const failed = { trace: 'obs-failed', status: 'ERROR' as const, startMs: Date.now() - 1_000, durationMs: 900 };
    const secret = requestBytes(
      { trace: 'obs-secret', service: 'newcomer', attributes: { 'db.password': 'hunter2' } },
      { ...failed, service: 'newcomer' },
    );
    const headers = { 'content-type': 'application/x-protobuf' };
    await fetch(`${at('gateway.http')}/v1/traces`, { method: 'POST', headers, body: Buffer.from(secret) });
    const sources = { prometheus: at('prometheus.http'), tempo: at('tempo.http') };
    const here = dashboards.filter(({ uid }) => uid !== 'tailgate-fleet'); // obs-fleet.test.ts
    for (const { file, panels } of here) {
      for (const panel of panels.filter(({ type }) => type !== 'row')) {
        await eventually(async () => expect(await shown(panel, sources), `${file}: ${panel.title}`).toBeGreaterThan(0));
      }
    }
  });

  it('Prometheus evaluates every alert, and has what each asks for', async () => {
    await eventually(async () => {
      const { groups }: { groups: { rules: { name: string; query: string; health: string }[] }[] } = await prometheus(
        'rules',
        {},
      );
      const rules = groups.flatMap(({ rules }) => rules);
      expect(rules.map(({ name }) => name)).toEqual(alerts.map(({ alert }) => alert));
      expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
    });
    for (const { alert, expr } of alerts) {
      for (const [name] of expr.matchAll(/\b(tailgate|tempo)_\w+\b|\bup\b/g)) {
        if (notHere.test(name)) continue;
        await eventually(async () => {
          const { result }: { result: unknown[] } = await prometheus('query', { query: `last_over_time(${name}[5m])` });
          expect(result.length, `${alert}: ${name}`).toBeGreaterThan(0);
        });
      }
    }
  });

  it('obs-up again finds what runs, and starts what has ended', async () => {
    const again = await make('obs-up');
    expect(again).toMatchObject({ code: 0, text: expect.stringContaining('it runs already') });
    expect(stateIn(directory)).toEqual(state);
    const victim = state.processes.find(({ name }) => name === 'tempo')!;
    process.kill(victim.pid, 'SIGKILL');
    await eventually(async () =>
      expect(await make('obs-status')).toMatchObject({ code: 2, text: expect.stringMatching(/tempo +ended/) }),
    );
    expect(await make('obs-up')).toMatchObject({ code: 0, text: expect.stringContaining('tempo: ready') });
    const mended = stateIn(directory);
    const others = ({ processes }: State) => processes.filter(({ name }) => name !== 'tempo');
    expect(others(mended)).toEqual(others(state));
    await eventually(async () => expect(await make('obs-status')).toMatchObject({ code: 0 }));
    groups.push(...mended.processes.map(({ pid }) => pid));
  });

  it('obs-down ends all of it, and loses nothing', async () => {
    const down = await make('obs-down');
    expect(down).toMatchObject({ code: 0, text: expect.stringContaining('all of it has ended') });
    expect(down.text).toContain('gateway: ended');
    expect(runningIn(groups)).toEqual([]);
    expect((await typed(`tail -n 1 ${directory}/logs/gateway.log`)).text).toContain('"lostSpans":0');
    expect((await make('obs-status')).text).toContain('nothing runs');
    expect((await make('obs-down')).text).toContain('nothing runs');
  });

  it('is interrupted half-way, and leaves nothing behind', async () => {
    let begun: number[] = [];
    const ended = await typed(
      `bin/node tools/obs/main.ts up --processes --free-ports --directory ${elsewhere}`,
      (text, kill) => {
        if (!text.includes('consul: ready') || begun.length > 0) return;
        begun = stateIn(elsewhere).processes.map(({ pid }) => pid);
        kill();
      },
    );
    expect(ended).toMatchObject({ code: 1, text: expect.stringContaining('taking down consul') });
    expect(begun.length).toBeGreaterThan(0);
    expect(runningIn(begun)).toEqual([]);
  });

  it('is interrupted while it looks for the first trace, and leaves nothing behind', async () => {
    let begun: number[] = [];
    const fresh = join(directory, 'fresh');
    const ended = await typed(
      `bin/node tools/obs/main.ts up --processes --free-ports --directory ${fresh}`,
      (text, kill) => {
        if (!text.includes('traffic: ready') || begun.length > 0) return;
        begun = stateIn(fresh).processes.map(({ pid }) => pid);
        kill();
      },
    );
    expect(ended).toMatchObject({ code: 1, text: expect.stringMatching(/taking down consul.*traffic/) });
    expect(begun).toHaveLength(5);
    expect(runningIn(begun)).toEqual([]);
  });

  it('leaves nothing behind that it cannot remember', async () => {
    const full = join(directory, 'full');
    mkdirSync(join(full, 'state.json.new'), { recursive: true });
    const port = await freePort();
    const ended = await typed(
      `bin/node tools/obs/main.ts up --processes --free-ports --port consul.http=${port} --directory ${full}`,
    );
    expect(ended).toMatchObject({ code: 1, text: expect.stringContaining('taking down consul') });
    expect(ended.text).toContain('obs: EISDIR');
    expect((await typed('ps -eo args')).text).not.toContain(`-http-port=${port}`);
  });

  it('names the ports that others use, and starts nothing', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const port = (other.address() as { port: number }).port;
    const refused = await typed(
      `bin/node tools/obs/main.ts up --processes --free-ports --port gateway.grpc=${port} --directory ${elsewhere}`,
    );
    other.close();
    expect(refused).toMatchObject({ code: 1, text: expect.stringContaining(`${port} (gateway.grpc)`) });
    expect((await typed(`make obs-status OBS="--directory ${elsewhere}"`)).text).toContain('nothing runs');
  });
});
