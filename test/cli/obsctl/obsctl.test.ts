import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Io } from '../../../src/cli/io.ts';
import { obsctl } from '../../../src/cli/obsctl/obsctl.ts';
import { clusterText } from '../../../src/cli/obsctl/status.ts';
import { fakeProcess } from '../fake-process.ts';

const id = '4bf92f3577b34da6a3ce929d0e0e4736';
const now = Date.parse('2026-11-25T17:00:00Z');
const base64 = (hex: string) => Buffer.from(hex, 'hex').toString('base64');

/** What the fake store answers, by path; a function may look at the request and hang. */
type Answer = { status?: number; body?: unknown } | ((request: IncomingMessage, response: ServerResponse) => void);
let answers: Record<string, Answer>;
let asked: IncomingMessage[];
let server: Server;
let base: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request);
    const answer = answers[request.url!.split('?')[0]] ?? { status: 404, body: 'not found' };
    if (typeof answer === 'function') return answer(request, response);
    response.statusCode = answer.status ?? 200;
    response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  answers = { '/api/echo': { body: 'echo' } };
  asked = [];
});

const run = async (argv: string[], io: Partial<Io> = {}) => {
  const process = fakeProcess({ now: () => now, env: { OBSCTL_GATEWAY: base }, ...io });
  const code = await obsctl(argv, process);
  return { code, out: process.out, err: process.err };
};

const found = {
  traces: [
    {
      traceID: 'f92f3577b34da6a3ce929d0e0e4736',
      rootServiceName: 'frontend-proxy',
      rootTraceName: 'ingress',
      startTimeUnixNano: '1795625940123000000',
      durationMs: 1240,
      serviceStats: { frontend: { spanCount: 3, errorCount: 1 }, cart: { spanCount: 2 } },
    },
    {
      traceID: id,
      rootServiceName: '<root span not yet received>',
      startTimeUnixNano: '1795625950123000000',
    },
  ],
};

const stored = (status?: string) => ({
  trace: {
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'cart' } }] },
        scopeSpans: [
          {
            spans: [
              {
                traceId: base64(id),
                spanId: base64('00f067aa0ba902b7'),
                name: 'GET /cart',
                kind: 'SPAN_KIND_SERVER',
                startTimeUnixNano: '1795625940123000000',
                endTimeUnixNano: '1795625940125000000',
              },
            ],
          },
        ],
      },
    ],
  },
  ...(status && { status, message: 'trace exceeds max size' }),
});

describe('trace find', () => {
  it('prints a table, newest first, ids whole, with the policy where the gateway remembers it', async () => {
    answers['/api/search'] = { body: found };
    answers[`/api/explain/${id}`] = { body: { traceId: id, policy: 'slow' } };
    const { code, out, err } = await run(['trace', 'find', '--service', 'cart', '--last', '30m']);
    expect(out).toBe(`\
START                TRACE                             SERVICE         ROOT     DURATION  SPANS  ERRORS  POLICY
2026-11-25 16:59:10  4bf92f3577b34da6a3ce929d0e0e4736  (no root)                    <1ms      -       -  slow
2026-11-25 16:59:00  00f92f3577b34da6a3ce929d0e0e4736  frontend-proxy  ingress     1.24s      5       1
`);
    expect([code, err]).toEqual([0, '']);
    expect(Object.fromEntries(new URL(asked[0].url!, base).searchParams)).toEqual({
      q: '{ resource.service.name = "cart" } with (most_recent=true)',
      start: String(now / 1000 - 1800),
      end: String(now / 1000),
      limit: '20',
    });
  });

  it('says of what is in the window what became of it, and how much of it is there', async () => {
    const [first, second] = found.traces;
    const tailgate = { verdict: 'drop', policy: 'noisy' };
    answers['/api/search'] = {
      body: {
        traces: [
          { ...first, tailgate: { ...tailgate, missingSpans: 2 } },
          { ...second, tailgate },
        ],
      },
    };
    const { out } = await run(['trace', 'find', '--window']);
    expect(out).toBe(`\
START                TRACE                             SERVICE         ROOT     DURATION   SPANS  ERRORS  VERDICT  POLICY
2026-11-25 16:59:10  4bf92f3577b34da6a3ce929d0e0e4736  (no root)                    <1ms       -       -  dropped  noisy
2026-11-25 16:59:00  00f92f3577b34da6a3ce929d0e0e4736  frontend-proxy  ingress     1.24s  5 of 7       1  dropped  noisy
`);
    expect(JSON.parse((await run(['trace', 'find', '--window', '-o', 'jsonl'])).out.split('\n')[1]!)).toMatchObject({
      verdict: 'drop',
      missingSpans: 2,
    });
  });

  it('leaves the policy out where the gateway knows none', async () => {
    answers['/api/search'] = { body: found };
    expect((await run(['trace', 'find'])).out.split('\n')[0]).not.toContain('POLICY');
  });

  it('finds traces also while no gateway is there to ask', async () => {
    answers['/api/search'] = { body: found };
    const { code, out } = await run(['trace', 'find', '-o', 'jsonl', '--tempo', base], {
      env: { OBSCTL_GATEWAY: 'http://127.0.0.1:1' },
    });
    expect([code, out.split('\n').length]).toEqual([0, 3]);
  });

  it('prints ids, JSON and JSON lines', async () => {
    answers['/api/search'] = { body: found };
    expect((await run(['trace', 'find', '-o', 'ids'])).out).toBe(`${id}\n00${id.slice(2)}\n`);
    expect(asked.some((request) => request.url!.startsWith('/api/explain'))).toBe(false);
    const json = JSON.parse((await run(['trace', 'find', '-o', 'json'])).out);
    const lines = (await run(['-o', 'jsonl', 'trace', 'find'])).out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toEqual(json);
    expect(json[1]).toEqual({
      traceId: `00${id.slice(2)}`,
      rootService: 'frontend-proxy',
      rootName: 'ingress',
      durationMs: 1240,
      spans: 5,
      errors: 1,
      policy: '',
      start: '2026-11-25T16:59:00.123Z',
    });
  });

  it('fits the table into the terminal', async () => {
    answers['/api/search'] = { body: found };
    const { out } = await run(['trace', 'find'], {
      isTTY: true,
      columns: 100,
      env: { OBSCTL_GATEWAY: base, NO_COLOR: '1' },
    });
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(out).toContain(id);
  });

  it('ends with 3 when nothing is found, and says what was asked', async () => {
    answers['/api/search'] = { body: { traces: [] } };
    const { code, out, err } = await run(['trace', 'find', '--status', 'error', '--last', '10s']);
    expect([code, out]).toEqual([3, '']);
    expect(err).toContain('nothing found from 2026-11-25 16:59:50 to 2026-11-25 17:00:00 for { status = error }');
    expect(err).toContain('last 30s');
    expect((await run(['trace', 'find', '-o', 'json'])).out).toBe('[]\n');
  });

  it('warns of a time that Tempo will not search, and of results that were cut', async () => {
    answers['/api/search'] = { body: found };
    const { code, err } = await run(['trace', 'find', '--last', '8d', '--limit', '2']);
    expect(code).toBe(0);
    expect(err).toContain('168h');
    expect(err).toContain('only the newest 2: --limit shows more');
  });

  it('ends with 4 when the store searched only a part, also where nothing is in that', async () => {
    answers['/api/search'] = { body: { ...found, status: 'PARTIAL' } };
    expect(await run(['trace', 'find'])).toMatchObject({ code: 4, err: expect.stringContaining('only a part') });
    answers['/api/search'] = { body: { traces: [], status: 'PARTIAL' } };
    const { code, err } = await run(['trace', 'find']);
    expect(code).toBe(4);
    expect(err).toMatch(/nothing found [\s\S]*only a part/);
  });

  it('names the gateways of a fleet that did not answer', async () => {
    answers['/api/search'] = (_, response) => {
      response.setHeader('x-tailgate-unanswered', 'b,gateway%2C2');
      response.end(JSON.stringify({ traces: [], status: 'PARTIAL' }));
    };
    const { code, err } = await run(['trace', 'find']);
    expect(code).toBe(4);
    expect(err).toContain('obsctl: without these gateways, which did not answer: b, gateway,2\n');
    answers[`/api/explain/${id}`] = { status: 503, body: { error: 'nobody who answers knows of it' } };
    expect((await run(['explain', id])).err).toBe(
      `obsctl: ${base} answered HTTP 503: nobody who answers knows of it\n`,
    );
  });

  it('prints the query and asks nobody with --explain-query', async () => {
    const { code, out } = await run(['trace', 'find', '--status', 'error', '--min-duration', '1s', '--explain-query']);
    expect([code, out, asked.length]).toEqual([0, '{ status = error && duration > 1s }\n', 0]);
  });

  it('sends a query of the user as it stands, its own hints included', async () => {
    answers['/api/search'] = { body: found };
    await run(['trace', 'find', '-q', '{ name = "with" }']);
    await run(['trace', 'find', '-q', '{ } with (most_recent=false)']);
    const sent = asked
      .filter((it) => it.url!.startsWith('/api/search'))
      .map((it) => new URL(it.url!, base).searchParams.get('q'));
    expect(sent).toEqual(['{ name = "with" } with (most_recent=true)', '{ } with (most_recent=false)']);
  });

  it('shows what the store says of a query it does not understand, and ends with 2', async () => {
    answers['/api/search'] = { status: 400, body: 'parse error at line 1, col 3: syntax error\nmore' };
    const { code, err } = await run(['trace', 'find', '-q', '{ x']);
    expect(code).toBe(2);
    expect(err).toBe(`obsctl: ${base} answered HTTP 400: parse error at line 1, col 3: syntax error\n`);
  });

  it('says so where there is no store', async () => {
    const { code, err } = await run(['trace', 'find']);
    expect(code).toBe(1);
    expect(err).toContain('keeps no traces (no /api/search there): name Tempo by --tempo or OBSCTL_TEMPO');
  });
});

describe('trace show', () => {
  it('draws the tree of a trace, by id, traceparent or address', async () => {
    answers[`/api/v2/traces/${id}`] = { body: stored() };
    for (const text of [id, `00-${id}-00f067aa0ba902b7-01`, `https://grafana.example/explore?traceId=${id}`]) {
      const { code, out } = await run(['trace', 'show', text, '--width', '80']);
      expect(code).toBe(0);
      expect(out).toContain(`trace     ${id}\nroot      cart GET /cart\n`);
      expect(out).toMatch(/cart GET \/cart +█+ +2ms\n$/);
    }
  });

  it('prints OTLP JSON with hex ids, whole or as one line', async () => {
    answers[`/api/v2/traces/${id}`] = { body: stored() };
    const json = (await run(['trace', 'show', id, '-o', 'json'])).out;
    const line = (await run(['trace', 'show', id, '-o', 'jsonl'])).out;
    expect(line.trim().split('\n')).toHaveLength(1);
    expect(JSON.parse(line)).toEqual(JSON.parse(json));
    expect(JSON.parse(line).resourceSpans[0].scopeSpans[0].spans[0]).toMatchObject({
      traceId: id,
      spanId: '00f067aa0ba902b7',
      kind: 2,
    });
  });

  it('asks version 1 of the API where there is no version 2', async () => {
    answers[`/api/traces/${id}`] = { body: { batches: stored().trace.resourceSpans } };
    expect((await run(['trace', 'show', id])).out).toContain('cart GET /cart');
  });

  it.each([
    ['version 2 answers an empty trace', () => ({ [`/api/v2/traces/${id}`]: { body: { trace: {} } } })],
    ['both versions answer 404', () => ({})],
  ])('ends with 3 and names explain when %s', async (_, more) => {
    Object.assign(answers, more());
    const { code, out, err } = await run(['trace', 'show', id]);
    expect([code, out]).toEqual([3, '']);
    expect(err).toContain(`obsctl explain ${id}`);
  });

  it('shows a trace of which a part is missing, says so, and ends with 4', async () => {
    answers[`/api/v2/traces/${id}`] = { body: stored('PARTIAL') };
    const { code, out, err } = await run(['trace', 'show', id]);
    expect(code).toBe(4);
    expect(out).toContain('cart GET /cart');
    expect(err).toBe('obsctl: the trace is not whole: trace exceeds max size\n');
  });

  it('says so where there is no store', async () => {
    delete answers['/api/echo'];
    const { code, err } = await run(['trace', 'show', id]);
    expect(code).toBe(1);
    expect(err).toContain('keeps no traces');
  });
});

describe('explain and status', () => {
  it('ends with 3 when the gateway does not remember the trace', async () => {
    const { code, err } = await run(['explain', id]);
    expect(code).toBe(3);
    expect(err).toMatch(/does not remember .* before the gateway started/);
  });

  it('prints the answer of the gateway as JSON when asked to', async () => {
    answers[`/api/explain/${id}`] = { body: { traceId: id, verdict: 'drop' } };
    answers['/api/status'] = { body: { version: '1' } };
    expect((await run(['explain', id, '-o', 'jsonl'])).out).toBe(`{"traceId":"${id}","verdict":"drop"}\n`);
    expect(JSON.parse((await run(['status', '-o', 'json'])).out)).toEqual({ version: '1' });
  });

  it('asks the gateway, not Tempo', async () => {
    answers['/api/status'] = { body: { version: '1' } };
    expect((await run(['status', '-o', 'json', '--tempo', 'http://127.0.0.1:1'])).code).toBe(0);
  });
});

describe('of a fleet', () => {
  const cluster = {
    self: 'a',
    epoch: '1a2b3c4d',
    members: [
      { name: 'a', address: '10.0.0.1:4319', state: 'self' },
      { name: 'b\u001b[2J', address: '10.0.0.2:4319', state: 'unreachable' },
    ],
    owned: 0.5012,
  };

  it('status shows who is in it, and in JSON too', async () => {
    answers['/api/status'] = { body: { version: '1' } };
    answers['/api/cluster'] = { body: cluster };
    expect(JSON.parse((await run(['status', '-o', 'json'])).out)).toMatchObject({ version: '1', cluster });
    const text = clusterText(cluster, false);
    expect(text).toContain('fleet     1 of 2 members, list 1a2b3c4d; a owns 50.1 % of all traces\n');
    expect(text).toMatch(/^a +10\.0\.0\.1:4319 +self$/m);
    expect(text).not.toContain('\u001b');
  });

  it('keep says whose traces it is not known of, with 4', async () => {
    const traces = [{ traceId: id, state: 'brought', spans: 3 }];
    const unanswered = [{ member: 'b', why: 'nobody listens there' }];
    answers['/api/keep'] = { body: { traces, isWhole: false, unanswered } };
    const { code, err } = await run(['trace', 'keep', id]);
    expect([code, err]).toEqual([4, 'obsctl: of these gateways it is not known: b\n']);
  });

  it('keep says that a query finds nothing, with 3', async () => {
    answers['/api/keep'] = { body: { traces: [], isWhole: true } };
    const { code, err } = await run(['trace', 'keep', '--query', '{ name = "nowhere" }']);
    expect([code, err]).toEqual([3, 'obsctl: the query finds no trace in the window\n']);
  });

  it('a simulation counts once what two of its gateways both say', async () => {
    const none = { traces: 0, spans: 0, bytes: 0 };
    const outcome = { keptTraces: 5, keptSpans: 5, keptBytes: 5, perDay: none, policies: [], approximate: [] };
    const changes = { ...none, examples: [] };
    const common = { seconds: 60, warmSeconds: 0, traces: 10, spans: 10, bytes: 10, sampled: 1, complete: true };
    const both = { today: outcome, candidate: outcome, services: [], won: changes, lost: changes };
    answers['/api/simulate'] = { body: { ...common, ...both, gateways: ['a', 'b'] } };
    const directory = mkdtempSync(join(tmpdir(), 'obsctl-'));
    const file = join(directory, 'rules.yaml');
    writeFileSync(file, 'baseline_percent: 50\n');
    const gateways = { OBSCTL_GATEWAY: `${base},${base.replace('127.0.0.1', 'localhost')}` };
    const { out } = await run(['sampling', 'simulate', file, '-o', 'json'], { env: gateways });
    rmSync(directory, { recursive: true });
    expect(JSON.parse(out)).toMatchObject({ traces: 10, today: { keptTraces: 5 }, gateways: ['a', 'b'] });
  });
});

describe('what goes wrong', () => {
  it('names no token where a tenant is what is not allowed', async () => {
    const error = 'x-scope-orgid nope: not a tenant of this gateway (receive.tenants.allow)';
    answers['/api/search'] = { status: 403, body: { error } };
    const { code, err } = await run(['trace', 'find', '--org-id', 'nope']);
    expect(code).toBe(5);
    expect(err).toContain(
      `(HTTP 403: ${error}): ask for another by --org-id or OBSCTL_ORG_ID, or give a token that may`,
    );
  });

  it.each([
    [
      401,
      {},
      'wants to know who asks (HTTP 401: no): give a token by --token-file or OBSCTL_TOKEN_FILE, a tenant by --org-id',
    ],
    [401, { OBSCTL_TOKEN: 'sesame' }, 'does not take these credentials (HTTP 401: no): is the token retired?'],
    [403, { OBSCTL_TOKEN: 'sesame' }, 'does not allow this (HTTP 403: no): give a token that may'],
  ])('ends with 5 on HTTP %i and says how to be let in', async (status, env, message) => {
    for (const body of ['no', { error: 'no' }]) {
      answers['/api/search'] = { status, body };
      const { code, err } = await run(['trace', 'find'], { env: { OBSCTL_GATEWAY: base, ...env } });
      expect(code).toBe(5);
      expect(err).toContain(`${base} ${message}`);
      expect(err.trim().split('\n')).toHaveLength(1);
    }
  });

  it('says that nobody listens, and what to set', async () => {
    const { code, err } = await run(['status', '--gateway', 'http://127.0.0.1:1/']);
    expect(code).toBe(1);
    expect(err).toBe(
      'obsctl: cannot reach http://127.0.0.1:1 (connection refused): is the gateway running? Set --gateway or OBSCTL_GATEWAY\n',
    );
  });

  it('gives up on a store that does not answer', async () => {
    answers['/api/search'] = () => {};
    const { code, err } = await run(['trace', 'find', '--timeout', '50ms', '--tempo', base]);
    expect(code).toBe(1);
    expect(err).toBe(`obsctl: ${base} did not answer within 0.05s: --timeout allows more\n`);
  });

  it('gives up on a store that stops in the middle of its answer', async () => {
    answers['/api/search'] = (_, response) => void response.write('{"traces":[');
    expect(await run(['trace', 'find', '--timeout', '50ms'])).toMatchObject({ code: 1, out: '' });
  });

  it('stops waiting when it is interrupted', async () => {
    const stop = new AbortController();
    answers['/api/search'] = () => stop.abort();
    expect(await run(['trace', 'find'], { signal: stop.signal })).toMatchObject({
      code: 1,
      err: 'obsctl: interrupted\n',
    });
  });

  it('knows a page that is no Tempo', async () => {
    answers['/api/search'] = { body: '<html>' };
    const { code, err } = await run(['trace', 'find', '--tempo', base]);
    expect(code).toBe(1);
    expect(err).toContain('answered something that is not JSON: is this Tempo? Set --tempo or OBSCTL_TEMPO');
  });

  it('passes on what a failing store says', async () => {
    answers['/api/search'] = { status: 500, body: 'no ingester' };
    expect(await run(['trace', 'find'])).toMatchObject({
      code: 1,
      err: `obsctl: ${base} answered HTTP 500: no ingester\n`,
    });
  });

  it.each([
    [[]],
    [['trace']],
    [['trace', 'fly']],
    [['trace', 'show']],
    [['trace', 'show', 'xyz']],
    [['trace', 'show', id, '--depth', '0']],
    [['trace', 'find', '--last', 'soon']],
    [['trace', 'find', '--limit', '0']],
    [['trace', 'find', '-q', '{ }', '--service', 'x']],
    [['trace', 'find', '--no-such-flag']],
    [['status', 'now']],
    [['status', '-o', 'yaml']],
    [['status', '--timeout', '10']],
    [['status', '--gateway', 'ftp://x']],
    [['status', '--header', 'no value']],
  ])('ends with 2 for %j, asks nobody, and prints no data', async (argv) => {
    const { code, out, err } = await run(argv);
    expect([code, out, asked.length]).toEqual([2, '', 0]);
    expect(err).not.toBe('');
  });

  it('prints help on stdout and ends with 0', async () => {
    const { code, out } = await run(['--help']);
    expect(code).toBe(0);
    expect(out).toContain('Exit codes: 0 found');
    expect((await run(['trace', 'find', '--help'])).out).toContain('--min-duration');
  });
});

describe('settings', () => {
  it('sends tenant and headers with every request', async () => {
    answers['/api/search'] = { body: found };
    await run(['trace', 'find', '--org-id', 'team-a', '--header', 'authorization=Bearer a=b', '--header', 'x-more=1']);
    expect(asked[0].headers).toMatchObject({ 'x-scope-orgid': 'team-a', authorization: 'Bearer a=b', 'x-more': '1' });
  });

  it('takes the tenant from a variable, unless a flag says another', async () => {
    answers['/api/search'] = { body: found };
    const env = { OBSCTL_GATEWAY: base, OBSCTL_ORG_ID: 'team-a' };
    for (const [argv, tenant] of [
      [[], 'team-a'],
      [['--org-id', 'team-b'], 'team-b'],
    ] as const) {
      asked = [];
      await run(['trace', 'find', ...argv], { env });
      expect(new Set(asked.map(({ headers }) => headers['x-scope-orgid']))).toEqual(new Set([tenant]));
    }
    expect((await run(['trace', 'find', '--org-id', 'a\nb: c'], { env })).code).toBe(2);
  });

  describe('a token', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'obsctl-')), 'token');
    afterAll(() => rmSync(dirname(file), { recursive: true }));
    const sent = async (argv: string[], env: Record<string, string>) => {
      answers['/api/status'] = { status: 401, body: 'no' };
      asked = [];
      const { err } = await run(['status', ...argv], { env: { OBSCTL_GATEWAY: base, ...env } });
      return [asked[0]?.headers.authorization, err] as const;
    };

    it('comes from a file, by flag or variable, or from a variable, and is printed nowhere', async () => {
      writeFileSync(file, ' from-a-file\r\n');
      const other = { OBSCTL_TOKEN: 'from-a-variable' };
      expect((await sent(['--token-file', file], other))[0]).toBe('Bearer from-a-file');
      expect((await sent([], { OBSCTL_TOKEN_FILE: file }))[0]).toBe('Bearer from-a-file');
      const [authorization, err] = await sent([], { OBSCTL_TOKEN_FILE: file, ...other });
      expect(authorization).toBe('Bearer from-a-variable');
      expect(err).not.toMatch(/from-a/);
      expect((await sent([], { OBSCTL_TOKEN: '', OBSCTL_TOKEN_FILE: '' }))[0]).toBeUndefined();
    });

    it('that the server says again is not printed', async () => {
      answers['/api/status'] = { status: 403, body: { error: 'what is sesame-sesame?' } };
      const { err } = await run(['status'], { env: { OBSCTL_GATEWAY: base, OBSCTL_TOKEN: 'sesame-sesame' } });
      expect(err).toContain('(HTTP 403: what is …?)');
    });

    it('of the gateway goes to no other Tempo', async () => {
      answers['/api/search'] = { body: found };
      const env = { OBSCTL_TOKEN: 'sesame', OBSCTL_GATEWAY: base.replace('127.0.0.1', 'localhost') };
      await run(['trace', 'find', '--tempo', base], { env });
      await run(['trace', 'find', '--tempo', base], { env: { ...env, OBSCTL_GATEWAY: `${base}/` } });
      const authorizations = asked
        .filter(({ url }) => url?.startsWith('/api/search'))
        .map(({ headers }) => headers.authorization);
      expect(authorizations).toEqual([undefined, 'Bearer sesame']);
    });

    it.each([
      ['nowhere', undefined, 'there is no such file'],
      ['', 'checkout: sesame', 'expected a token, and nothing else, not even its name'],
      ['', '', 'expected a token'],
    ])('that is none is a mistake of the user: %j %j', async (more, text, message) => {
      if (text !== undefined) writeFileSync(file, text);
      const { code, err } = await run(['status', '--token-file', file + more]);
      expect(code).toBe(2);
      expect(err).toContain(message);
      expect(err).not.toContain('sesame');
    });

    it('on the command line is warned of', async () => {
      const [, byHeader] = await sent(['--header', 'Authorization=Bearer sesame'], {});
      const [, byAddress] = await sent(['--gateway', base.replace('//', '//ana:sesame@')], {});
      const [, byVariable] = await sent([], { OBSCTL_GATEWAY: base.replace('//', '//ana:sesame@') });
      for (const err of [byHeader, byAddress]) expect(err).toContain('everybody on this machine can see');
      expect(byVariable).not.toContain('can see');
      expect(byHeader + byAddress + byVariable).not.toContain('sesame');
    });
  });

  it('reads from Tempo where one is named, by flag before variable, below any path', async () => {
    answers['/proxy/tempo/api/search'] = { body: found };
    const env = { OBSCTL_TEMPO: `${base}/nowhere`, OBSCTL_GATEWAY: base };
    expect((await run(['trace', 'find', '--tempo', `${base}/proxy/tempo/`], { env })).code).toBe(0);
    expect((await run(['trace', 'find'], { env: { OBSCTL_TEMPO: `${base}/proxy/tempo` } })).code).toBe(0);
  });

  it('colours only terminals that want it', async () => {
    answers[`/api/v2/traces/${id}`] = { body: stored() };
    const coloured = async (argv: string[], io: Partial<Io>) =>
      (await run(['trace', 'show', id, ...argv], io)).out.includes('\x1b[');
    const env = { OBSCTL_GATEWAY: base };
    expect(await coloured([], { isTTY: true })).toBe(true);
    expect(await coloured([], { isTTY: false })).toBe(false);
    expect(await coloured(['--no-color'], { isTTY: true })).toBe(false);
    expect(await coloured([], { isTTY: true, env: { ...env, NO_COLOR: '1' } })).toBe(false);
    expect(await coloured([], { isTTY: true, env: { ...env, TERM: 'dumb' } })).toBe(false);
  });
});
