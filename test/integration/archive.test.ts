import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeRequest, endingAt, generateTrace, seeded } from '../../src/cli/demo/generate.ts';
import { missingIn, spanIds } from '../../src/cli/obsctl/archive/trace-facts.ts';
import { TraceText } from '../../src/cli/obsctl/archive/trace-text.ts';
import { obsctl } from '../../src/cli/obsctl/obsctl.ts';
import { decodeJson } from '../../src/decode/json.ts';
import { Reader } from '../../src/wire/reader.ts';
import { type RunningS3, startS3 } from '../../tools/servers/s3.ts';
import { findServer, type RunningTempo, startTempo } from '../../tools/servers/start.ts';
import { fakeProcess } from '../cli/fake-process.ts';
import { traceId as oddId, oddTrace } from '../cli/obsctl/archive/odd-trace.ts';
import { makeHome } from '../support/boot-file.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway.ts';

const random = seeded(20_261_130);
/** Traces of a shop, by id, each as it is sent: among them one with all that a span can hold. */
const sent = new Map<string, Uint8Array>([
  ...Array.from({ length: 30 }, (): [string, Uint8Array] => {
    const spans = endingAt(generateTrace(random, Date.now()), Date.now() - 1000);
    return [spans[0].traceId, encodeRequest(spans)];
  }),
  [oddId, oddTrace()],
]);
const ids = [...sent.keys()];

let folder: string;
let s3: RunningS3;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'archive-'));
  s3 = await startS3({ dir: folder });
});
afterAll(async () => {
  await s3?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function run(where: Record<string, string>, argv: readonly string[], lines = '') {
  const env = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_ENDPOINT_URL_S3: s3.url, ...where };
  const stdin = (async function* () {
    yield Buffer.from(lines);
  })();
  const process = fakeProcess({ env, stdin });
  const code = await obsctl(argv, process);
  return { code, out: process.out, err: process.err };
}

async function push(url: string, body: Uint8Array): Promise<void> {
  const headers = { 'content-type': 'application/x-protobuf' };
  const answer = await fetch(`${url}/v1/traces`, { method: 'POST', headers, body: Buffer.from(body) });
  expect(answer.status).toBe(200);
}

type Span = { readonly attributes?: readonly { readonly key: string }[] };

/** Each span with its resource and scope, as text; the order of what has none is left aside. */
function spansOf(wire: Uint8Array, without: (span: Span) => Span = (span) => span): string[] {
  const { resourceSpans } = JSON.parse([...new TraceText().pieces(new Reader(wire))].join(''));
  type Scoped = { readonly scope?: object; readonly schemaUrl?: string; readonly spans: readonly Span[] };
  type Resourced = { readonly resource: object; readonly schemaUrl?: string; readonly scopeSpans: readonly Scoped[] };
  return (resourceSpans as Resourced[])
    .flatMap(({ scopeSpans, resource, schemaUrl }) =>
      scopeSpans.flatMap(({ spans, scope, schemaUrl: scopeUrl }) =>
        spans.map((span) => ordered({ resource, urls: { schemaUrl, scopeUrl }, scope, span: without(span) })),
      ),
    )
    .sort();
}

const mayBeAbsent: ReadonlySet<string> = new Set(['scope', 'resource', 'status']);

/** Members by name, attributes by key, and nothing that is empty but for values. */
function ordered(value: unknown): string {
  return JSON.stringify(value, (_, it) => {
    if (Array.isArray(it))
      return it.every((each) => typeof each?.key === 'string') ? it.toSorted((a, b) => (a.key < b.key ? -1 : 1)) : it;
    if (typeof it !== 'object' || it === null) return it;
    const members = Object.entries(it).filter(
      ([name, each]) => !(mayBeAbsent.has(name) && Object.keys(each ?? {}).length === 0),
    );
    return Object.fromEntries(members.sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** Tempo keeps no schema URLs, and of flags none but for as long as a trace is in memory; it has a status for every span. */
const asTempoHas = (spans: readonly string[]): string[] =>
  spans.map((span) => span.replace(/"urls":\{[^}]*\}/, '').replace(/,"flags":\d+/g, ''));

const archived = (path: string): Map<string, Uint8Array> =>
  new Map(
    readdirSync(path)
      .filter((name) => !name.includes('manifest'))
      .map((name) => [name.slice(0, 32), decodeJson(readFileSync(join(path, name)))]),
  );
const manifestsIn = (path: string) =>
  readdirSync(path)
    .filter((name) => name.includes('manifest'))
    .map((name) => join(path, name));
const statesIn = (out: string) =>
  new Set(
    out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).state),
  );

async function until(ready: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 60; attempt++) {
    if (await ready()) return;
    await sleep(500);
  }
  throw new Error('not within 30 s');
}

const refused = 'refused' in findServer('tempo') ? findServer('tempo') : undefined;
if (refused) process.stderr.write(`SKIPPED: archives of Tempo: ${JSON.stringify(refused)}\n`);

describe.skipIf(refused)('traces of Tempo', () => {
  let first: RunningTempo;
  let second: RunningTempo;
  afterAll(async () => {
    await first?.stop();
    await second?.stop();
  });

  it('are archived as they came, and found by the same ids in a Tempo that never had them', async () => {
    first = await startTempo();
    for (const body of sent.values()) await push(first.otlpHttp, body);
    const from = { OBSCTL_TEMPO: first.url };
    await until(
      async () =>
        (await run(from, ['trace', 'archive', '-', '--out', join(folder, 'tempo'), '--why', 'INC-1'], ids.join('\n')))
          .code === 0,
    );
    const files = archived(join(folder, 'tempo'));
    expect([...files.keys()].sort()).toEqual(ids.toSorted());
    // What Tempo's columns make of the odd one is Tempo's; that it is there is told by its spans.
    for (const id of ids.filter((id) => id !== oddId))
      expect(asTempoHas(spansOf(files.get(id)!))).toEqual(asTempoHas(spansOf(sent.get(id)!)));

    const toBucket = ['trace', 'archive', '-', '--to', 's3://traces/INC-1', '--hold', '1y', '-o', 'jsonl'];
    // Tempo does not find a trace for the moment in which it moves it from memory to disk, and has fewer of its fields there:
    // then that is archived, too, beside what it was.
    await until(async () => (await run(from, toBucket, ids.join('\n'))).code === 0);
    await until(async () => {
      const { out } = await run(from, toBucket, ids.join('\n'));
      return [...statesIn(out)].join() === 'there';
    });

    await first.stop();
    second = await startTempo();
    const to = { OBSCTL_TEMPO: second.url, OBSCTL_OTLP: second.otlpHttp };
    const held = (await run(to, ['trace', 'archives', 's3://traces/INC-1', '--held', '-o', 'jsonl'])).out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect([...new Set(held.map(({ traceId }) => traceId))].sort()).toEqual(ids.toSorted());
    const restored = await run(to, [
      'trace',
      'restore',
      '-o',
      'jsonl',
      ...held.map(({ files: [, manifest] }) => manifest),
    ]);
    expect([restored.code, restored.err]).toEqual([0, '']);
    expect(statesIn(restored.out)).toContain('restored');

    // The store that forgot has the very same spans again, by the same ids.
    const again = ['trace', 'archive', '-', '--out', join(folder, 'again')];
    await until(async () => (await run(to, again, ids.join('\n'))).code === 0);
    const back = archived(join(folder, 'again'));
    for (const id of ids) expect([id, missingIn(back.get(id)!, spanIds(sent.get(id)!))]).toEqual([id, 0]);
    for (const id of ids.filter((id) => id !== oddId))
      expect(asTempoHas(spansOf(back.get(id)!))).toEqual(asTempoHas(spansOf(sent.get(id)!)));
    await until(async () => {
      const { out } = await run(to, ['trace', 'restore', '-o', 'jsonl', ...manifestsIn(join(folder, 'tempo'))]);
      return [...statesIn(out)].join() === 'there';
    });
  });
});

describe.each([1, 2])('traces of a gateway of %d shards with a store of its own', (shards) => {
  const token = 'let-me-in-0123456789';
  const gateways: GatewayProcess[] = [];
  const homes: Disposable[] = [];
  let path: string;
  let env: Record<string, string>;
  afterAll(async () => {
    for (const gateway of gateways) await gateway.kill();
    for (const home of homes) home[Symbol.dispose]();
  });

  async function start(home: ReturnType<typeof makeHome>): Promise<GatewayProcess> {
    const gateway = await startGatewayProcess({ args: home.args });
    gateways.push(gateway);
    return gateway;
  }

  function homeOf(rules: string) {
    const tokens = join(mkdtempSync(join(folder, 'tokens-')), 'tokens');
    writeFileSync(tokens, `operator: ${token}\nreader: only-looking-0123456789 read\n`);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
    const admin = { endpoint: '${env:TAILGATE_ADMIN}', auth: { bearer_token_file: tokens } };
    const home = makeHome({ shards, admin, buffer: { decision_wait: '500ms' } }, rules);
    homes.push(home);
    return home;
  }

  const asked = async (gateway: GatewayProcess, what: string): Promise<string> =>
    (await fetch(`http://${gateway.admin}${what}`, { headers: { authorization: `Bearer ${token}` } })).text();
  const at = (gateway: GatewayProcess) => ({ OBSCTL_GATEWAY: `http://${gateway.admin}`, OBSCTL_TOKEN: token });

  it('are archived as the store has them, which is what came and the marks of the verdict', async () => {
    path = join(folder, `store-${shards}`);
    const gateway = await start(homeOf('debug: true\n'));
    for (const body of sent.values()) await push(`http://${gateway.http}`, body);
    env = at(gateway);
    await until(async () => {
      const { code, out } = await run(env, ['trace', 'find', '--last', '365d', '--limit', '1000', '-o', 'ids']);
      return code === 0 && ids.every((id) => out.includes(id));
    });
    expect((await run(env, ['trace', 'archive', ...ids, '--out', path])).code).toBe(0);
    const files = archived(path);
    for (const id of ids) {
      const answer = await fetch(`http://${gateway.admin}/api/traces/${id}`, {
        headers: { accept: 'application/protobuf', authorization: `Bearer ${token}` },
      });
      expect(spansOf(files.get(id)!)).toEqual(spansOf(new Uint8Array(await answer.arrayBuffer())));
      expect(spansOf(files.get(id)!, unmarked)).toEqual(spansOf(sent.get(id)!, unmarked));
    }
    expect(await gateway.stop()).toBe(0);
  });

  it('come back past rules that keep nothing, for whoever may change something, and are there after a restart', async () => {
    const home = homeOf('baseline_percent: 0\nlatency_threshold_ms: null\nerror_status_codes: null\nroutes: null\n');
    const gateway = await start(home);
    const files = manifestsIn(path);
    const reader = { ...at(gateway), OBSCTL_TOKEN: 'only-looking-0123456789' };
    expect((await run(reader, ['trace', 'restore', ...files])).code).toBe(5);
    const { code, err, out } = await run(at(gateway), ['trace', 'restore', '-o', 'jsonl', ...files]);
    expect([code, err, statesIn(out)]).toEqual([0, '', new Set(['restored'])]);

    const spans = [...archived(path).values()].reduce((sum, wire) => sum + spansOf(wire).length, 0);
    const metrics = await asked(gateway, '/metrics');
    expect(metrics).toContain(`tailgate_received_spans_total{protocol="restore"} ${spans}\n`);
    expect(metrics).toContain(`tailgate_outcome_spans_total{outcome="kept",policy="keep:archive"} ${spans}\n`);
    expect(JSON.parse(await asked(gateway, '/api/status')).books.balanced).toBe(true);
    expect(await gateway.stop()).toBe(0);

    const after = await start(home);
    const again = join(folder, `store-again-${shards}`);
    expect((await run(at(after), ['trace', 'archive', ...ids, '--out', again])).code).toBe(0);
    const back = archived(again);
    for (const [id, wire] of archived(path)) expect(spansOf(back.get(id)!)).toEqual(spansOf(wire));
    expect(await after.stop()).toBe(0);
  });
});

/** A span without what the gateway writes into those that it keeps. */
function unmarked(span: Span & { readonly traceState?: string }): Span {
  const { traceState = '', attributes = [], ...rest } = span;
  const kept = attributes.filter(({ key }) => !key.startsWith('tailgate.'));
  const others = traceState.split(',').filter((entry) => entry !== '' && !entry.startsWith('ot='));
  return {
    ...rest,
    ...(kept.length > 0 && { attributes: kept }),
    ...(others.length > 0 && { traceState: others.join() }),
  } as Span;
}
