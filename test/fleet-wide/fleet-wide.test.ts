import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newKey } from '../../src/access/digest.ts';
import { parseTokenFile } from '../../src/access/token-file.ts';
import { Ownership } from '../../src/cluster/ownership.ts';
import { askMembers } from '../../src/fleet-wide/ask-member.ts';
import { fleetWide } from '../../src/fleet-wide/fleet-wide.ts';
import type { KeptTrace } from '../../src/model/brought-back.ts';
import type { Explanation } from '../../src/model/explanation.ts';
import type { Simulation } from '../../src/simulate/simulation.ts';
import { traceV2 } from '../../src/store/trace-answer.ts';
import { AdminAccess } from '../../src/telemetry/admin-access.ts';
import type { Log } from '../../src/telemetry/log.ts';
import { createAdminServer } from '../../src/telemetry/server.ts';
import type { AdminSources } from '../../src/telemetry/sources.ts';
import { startedAt, statsAfterTraffic } from '../telemetry/sample.ts';

const quiet = () => {};
const log: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet, lostLines: () => 0 };
const names = ['a', 'b', 'c'];
const hosts: Readonly<Record<string, string>> = { a: '127.0.0.1', b: '127.0.0.2', c: '127.0.0.3' };
const members = names.map((name) => ({ name, address: `${hosts[name]}:4319` }));
const token = '0123456789abcdef-members';
const operator = '0123456789abcdef-operator';
const key = newKey();
const credentials = (text: string) =>
  ({ scheme: 'bearer', key, tokens: parseTokenFile(text, key, { scopes: true }) }) as const;

/** What a gateway knows by itself: traces by id, each with how many spans of it there are. */
interface Known {
  readonly traces?: Readonly<Record<string, number>>;
  readonly kept?: Readonly<Record<string, KeptTrace['state']>>;
}

const stops: (() => unknown)[] = [];
let known: Record<string, Known> = {};
let asked: string[] = [];
let port = 0;
/** As the embedded store answers; a gateway without one has nothing to say. */
let emptyAnswers = false;
beforeEach(async () => {
  [known, asked, emptyAnswers] = [{}, [], false];
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.once('listening', resolve));
  port = (probe.address() as AddressInfo).port;
  await new Promise((resolve) => probe.close(resolve));
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const explanation = (traceId: string, spans: number) => ({ traceId, verdict: 'drop', spans }) as Explanation;
const amount = (traces: number) => ({ traces, spans: 2 * traces, bytes: 200 * traces });
const outcome = (traces: number) => ({
  keptTraces: traces,
  keptSpans: traces,
  keptBytes: traces,
  perDay: amount(traces),
  policies: [],
  approximate: [],
});

function ownOf(name: string): Required<Pick<AdminSources, 'explain' | 'keep' | 'simulate' | 'tempo'>> {
  const traces = () => Object.entries(known[name]?.traces ?? {});
  const say = (what: string) => void asked.push(`${name} ${what}`);
  return {
    explain: async (id) => {
      say('explain');
      const found = traces().find(([traceId]) => traceId === id);
      return found && explanation(...found);
    },
    tempo: async (_, { pathname, searchParams }, accept) => {
      say(pathname.replace(/[0-9a-f]{32}/, 'ID') + (searchParams.get('window') === 'true' ? ' window' : ''));
      if (pathname === '/api/search') {
        if (searchParams.get('q') === 'wrong') return { status: 400, headers: {}, body: 'not TraceQL' };
        const found = traces().map(([traceID, spans]) => ({ traceID, startTimeUnixNano: `${spans}000`, at: name }));
        const metrics = { inspectedBytes: '10', totalJobs: 1 };
        return { status: 200, headers: {}, body: JSON.stringify({ traces: found, metrics }) };
      }
      const found = traces().find(([traceId]) => pathname.endsWith(traceId));
      const headers = { 'content-type': 'application/protobuf', 'x-tailgate-verdict': 'drop' };
      if (found) return { status: 200, headers, body: Buffer.of(0, 255, found[1]) };
      return emptyAnswers && pathname.startsWith('/api/v2/')
        ? await traceV2(undefined, { accept, pace: { isOver: false, next: async () => {} } })
        : { status: 404, headers: {}, body: '' };
    },
    keep: async (request) => {
      say('keep');
      const all = Object.entries(known[name]?.kept ?? {});
      const ids = 'ids' in request ? request.ids : all.map(([id]) => id);
      const states = new Map(all);
      return {
        traces: ids.map((traceId) => ({
          traceId,
          state: (states.get(traceId) ?? 'not_found') as KeptTrace['state'],
          spans: states.get(traceId) === 'brought' ? 3 : 0,
        })),
      };
    },
    simulate: async ({ rules }) => {
      say('simulate');
      if (rules === 'wrong') return { status: 400, body: { error: 'rules:1: wrong' } };
      const n = traces().length;
      const changes = { ...amount(0), examples: [] };
      const both = { today: outcome(n), candidate: outcome(2 * n) };
      const common = { seconds: 60, warmSeconds: 0, sampled: 1, complete: true, services: [] };
      return {
        status: 200,
        body: { ...common, ...amount(n), ...both, won: changes, lost: changes } satisfies Simulation,
      };
    },
  };
}

interface Fleet {
  /** Names of those that run; the others are away. */
  readonly up?: readonly string[];
  readonly authorization?: string | undefined;
  readonly access?: () => AdminAccess;
}

async function start({ up = names, authorization, access = () => mayAll() }: Fleet = {}): Promise<void> {
  for (const name of up) {
    const own = ownOf(name);
    const fleet = { self: name, members: () => members, lists: () => [members] };
    const ask = askMembers({ self: name, portOf: () => port, authorization: () => authorization });
    const server = createAdminServer({
      endpoint: { host: hosts[name], port },
      log,
      access: access(),
      sources: {
        identity: { version: '1', environment: 'home', shards: 1, startedAt },
        uptimeMs: () => 1,
        stats: async () => statsAfterTraffic(),
        notReady: () => '',
        notLive: () => '',
        ...own,
        fleet: fleetWide({ fleet, ask, own, tenants: undefined }),
      },
    });
    await server.start();
    stops.push(() => server.stop());
  }
}

/** Operators' tokens, and those of members. */
function mayAll(): AdminAccess {
  const access = new AdminAccess(credentials(`ops: ${operator}\n`));
  access.renewMembers(credentials(`members: ${token}\n`));
  return access;
}

const request = (name: string, path: string, body?: object, accept = '*/*') =>
  fetch(`http://${hosts[name]}:${port}${path}`, {
    headers: { authorization: `Bearer ${operator}`, accept, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { method: 'POST', body: JSON.stringify(body) }),
  });
const withToken = { authorization: `Bearer ${token}` };

/** An id that this member owns. */
function idOf(owner: string, skip = 0): string {
  const ownership = Ownership.of(members);
  for (let i = 1; ; i++) {
    if (ownership.members[ownership.ownerOf(0, i)].name !== owner || skip-- > 0) continue;
    return i.toString(16).padStart(32, '0');
  }
}

describe('one trace, asked of any gateway', () => {
  it('is explained by its owner, and nobody else is asked', async () => {
    await start(withToken);
    const id = idOf('b');
    known = { b: { traces: { [id]: 5 } } };
    expect(await (await request('a', `/api/explain/${id}`)).json()).toMatchObject({
      traceId: id,
      spans: 5,
      gateway: 'b',
    });
    expect(asked).toEqual(['a explain', 'b explain']);
    expect(await (await request('b', `/api/explain/${id}`)).json()).not.toHaveProperty('gateway');
  });

  it('is found wherever it is, as when its owner was away', async () => {
    await start({ ...withToken, up: ['a', 'c'] });
    const id = idOf('b');
    known = { c: { traces: { [id]: 5 } } };
    expect(await (await request('a', `/api/explain/${id}`)).json()).toMatchObject({ spans: 5, gateway: 'c' });
    const trace = await request('a', `/api/v2/traces/${id}`);
    expect([trace.headers.get('x-tailgate-gateway'), trace.headers.get('x-tailgate-verdict')]).toEqual(['c', 'drop']);
    expect(Buffer.from(await trace.arrayBuffer())).toEqual(Buffer.of(0, 255, 5));
  });

  it('is found in the second version of the API too, which answers an empty trace for one that is not there', async () => {
    const [json, protobuf] = ['application/json', 'application/protobuf'];
    emptyAnswers = true;
    await start(withToken);
    const [id, moved] = [idOf('b'), idOf('c')];
    known = { b: { traces: { [id]: 5, [moved]: 6 } } };
    for (const accept of [json, protobuf]) {
      const trace = await request('a', `/api/v2/traces/${id}`, undefined, accept);
      expect(Buffer.from(await trace.arrayBuffer())).toEqual(Buffer.of(0, 255, 5));
      // Its owner has nothing of it, as it came when another was.
      const elsewhere = await request('a', `/api/v2/traces/${moved}`, undefined, accept);
      expect(Buffer.from(await elsewhere.arrayBuffer())).toEqual(Buffer.of(0, 255, 6));
    }
    const nowhere = await request('a', `/api/v2/traces/${'f'.repeat(32)}`, undefined, json);
    expect([nowhere.status, await nowhere.json()]).toEqual([200, { trace: {}, metrics: {} }]);
  });

  it('is not said to be unknown while somebody does not answer', async () => {
    await start({ ...withToken, up: ['a', 'c'] });
    const missing = await request('a', `/api/explain/${idOf('c')}`);
    expect(missing.status).toBe(503);
    expect(await missing.json()).toMatchObject({ error: expect.stringContaining('b: nobody listens there') });
    expect((await request('a', `/api/traces/${idOf('c')}`)).status).toBe(503);
  });

  it('is unknown when all say so, each asked once', async () => {
    await start(withToken);
    expect((await request('a', `/api/explain/${idOf('c')}`)).status).toBe(404);
    expect(asked.toSorted()).toEqual(['a explain', 'b explain', 'c explain']);
    expect((await request('b', `/api/traces/${idOf('c')}`)).status).toBe(404);
  });
});

describe('a search', () => {
  const search = async (name: string, query: string) => {
    const answer = await request(name, `/api/search?${query}`);
    return {
      answer,
      body: (await answer.json()) as { traces: { traceID: string }[]; status?: string; metrics: object },
    };
  };

  it('is of all gateways, the newest first and each trace once', async () => {
    await start(withToken);
    known = { a: { traces: { a1: 4, both: 9 } }, b: { traces: { b1: 7, both: 9 } }, c: { traces: { c1: 1 } } };
    const { body } = await search('b', 'window=true');
    expect(body.traces.map(({ traceID }) => traceID)).toEqual(['both', 'b1', 'a1', 'c1']);
    expect(body.metrics).toEqual({ inspectedBytes: '30', totalJobs: 3 });
    expect(body.status).toBeUndefined();
    expect(asked.toSorted()).toEqual(names.map((name) => `${name} /api/search window`));
    expect((await search('c', 'limit=2')).body.traces.map(({ traceID }) => traceID)).toEqual(['both', 'b1']);
  });

  it('says that it is a part where somebody did not answer', async () => {
    await start({ ...withToken, up: ['a', 'b'] });
    known = { b: { traces: { b1: 7 } } };
    const { answer, body } = await search('a', 'window=true');
    expect([body.traces.length, body.status, answer.headers.get('x-tailgate-unanswered')]).toEqual([1, 'PARTIAL', 'c']);
  });

  it('that is wrong is told so, as by one gateway', async () => {
    await start(withToken);
    const answer = await request('a', '/api/search?q=wrong');
    expect([answer.status, await answer.text()]).toEqual([400, 'not TraceQL']);
  });
});

describe('keeping', () => {
  it('brings traces back from wherever they are', async () => {
    await start(withToken);
    const ids = ['1', '2', '3', '4'].map((digit) => digit.repeat(32));
    known = { a: { kept: { [ids[0]]: 'brought' } }, b: { kept: { [ids[1]]: 'brought', [ids[2]]: 'kept' } } };
    const { traces, isWhole } = (await (await request('c', '/api/keep', { ids })).json()) as {
      traces: KeptTrace[];
      isWhole?: boolean;
    };
    expect(traces.map(({ state, spans }) => [state, spans])).toEqual([
      ['brought', 3],
      ['brought', 3],
      ['kept', 0],
      ['not_found', 0],
    ]);
    expect(isWhole).toBeUndefined();
  });

  it('by a query is of all, and says who did not answer', async () => {
    await start({ ...withToken, up: ['a', 'b'] });
    known = { a: { kept: { x: 'brought' } }, b: { kept: { y: 'brought' } } };
    const answer = await (await request('a', '/api/keep', { query: '{ status = error }', last: '5m' })).json();
    expect(answer).toMatchObject({
      traces: [{ traceId: 'x' }, { traceId: 'y' }],
      isWhole: false,
      unanswered: [{ member: 'c', why: 'nobody listens there' }],
    });
  });
});

describe('rules tried on the windows', () => {
  it('of all gateways are one answer, with who is in it', async () => {
    await start(withToken);
    known = { a: { traces: { x: 1 } }, b: { traces: { y: 1, z: 1 } } };
    expect(await (await request('c', '/api/simulate', { rules: '{}' })).json()).toMatchObject({
      traces: 3,
      today: { keptTraces: 3 },
      candidate: { keptTraces: 6 },
      complete: true,
      gateways: names,
    });
  });

  it('are not complete where somebody did not answer, and are refused as by one', async () => {
    await start({ ...withToken, up: ['a', 'b'] });
    expect(await (await request('a', '/api/simulate', { rules: '{}' })).json()).toMatchObject({
      complete: false,
      gateways: ['a', 'b'],
      unanswered: [{ member: 'c' }],
    });
    expect((await request('a', '/api/simulate', { rules: 'wrong' })).status).toBe(400);
  });
});

describe('what gateways may ask of each other', () => {
  it('is nothing where they show no token that is known, which is said', async () => {
    await start();
    const answer = await request('a', `/api/explain/${idOf('b')}`);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ error: expect.stringMatching(/b: answered 401: this needs a token/) });
  });

  it('is for gateways alone: their token is none of an operator’s', async () => {
    await start(withToken);
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch(`http://127.0.0.1:${port}/api/status`, { headers })).status).toBe(401);
    const asGateway = { ...headers, 'tailgate-asked-by': 'b' };
    expect((await fetch(`http://127.0.0.1:${port}/api/status`, { headers: asGateway })).status).toBe(200);
  });

  it('never goes further: an answer is of the one that is asked', async () => {
    await start(withToken);
    const headers = { ...withToken, 'tailgate-asked-by': 'x' };
    expect((await fetch(`http://127.0.0.1:${port}/api/explain/${idOf('b')}`, { headers })).status).toBe(404);
    expect(asked).toEqual(['a explain']);
  });

  it('needs no token where nobody needs one', async () => {
    await start({ access: () => new AdminAccess() });
    const id = idOf('b');
    known = { b: { traces: { [id]: 5 } } };
    expect((await request('a', `/api/explain/${id}`)).status).toBe(200);
  });
});
