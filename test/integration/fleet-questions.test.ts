import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Ownership } from '../../src/cluster/ownership.ts';
import { type FleetOfProcesses, makeFleet } from '../support/fleet.ts';
import { eventually } from '../support/gateway.ts';
import { obsctlWith } from '../support/obsctl.ts';
import { startSink } from '../support/otlp-sink.ts';
import { postTraces } from '../support/post-traces.ts';
import { requestBytes, traceIdHex } from '../support/spans.ts';

const names = ['a', 'b', 'c'];
const operator = '0123456789abcdef-operator';
const count = 60;
const failed = (i: number): boolean => i % 6 === 0;
const ids = Array.from({ length: count }, (_, i) => traceIdHex(`question-${i}`));
const kept = ids.filter((_, i) => failed(i));

/**
 * Three gateways of one fleet, each a process with a store and a window; everything was sent to the first one. Tokens are
 * needed everywhere.
 */
let fleet: FleetOfProcesses;
const directory = mkdtempSync(join(tmpdir(), 'tailgate-questions-'));
const tokens = (file: string, text: string): string => {
  const path = join(directory, file);
  writeFileSync(path, text);
  return path;
};

beforeAll(async () => {
  const sink = await startSink();
  fleet = await makeFleet(names, sink.url, {
    rules: `baseline_percent: 0
latency_threshold_ms: null
routes: []
policies:
  - name: limited
    type: and
    and:
      and_sub_policy:
        - { name: s, type: string_attribute, string_attribute: { key: service.name, values: [limited] } }
        - { name: r, type: rate_limiting, rate_limiting: { spans_per_second: 0.001, burst_capacity: 60 } }
`,
    boot: {
      buffer: { max_bytes: '64MiB', decision_wait: '1s' },
      window: { max_bytes: '32MiB' },
      export: [{ name: 'store', store: {} }],
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
      admin: { endpoint: '${env:TAILGATE_ADMIN}', auth: { bearer_token_file: tokens('ops', `ops: ${operator}\n`) } },
      cluster: { auth: { bearer_token_file: tokens('members', 'members: 0123456789abcdef-members\n') } },
    },
  });
  for (const name of names) await fleet.start(name);
  // All have the list of the three in force.
  await eventually(async () => {
    const seen = await Promise.all(names.map((name) => json<Cluster>(name, '/api/cluster')));
    for (const { members } of seen)
      expect(members.map(({ state }) => state).sort()).toEqual(['reachable', 'reachable', 'self']);
    expect(new Set(seen.map(({ epoch }) => epoch)).size).toBe(1);
    expect(seen.reduce((sum, { owned }) => sum + owned, 0)).toBeCloseTo(1, 1);
  });
  const agent = new Agent();
  const spans = ids.flatMap((_, i) => [
    {
      trace: `question-${i}`,
      id: `root-${i}`,
      service: 'shop',
      startMs: Date.now(),
      ...(failed(i) && { status: 'ERROR' as const }),
    },
    { trace: `question-${i}`, id: `leaf-${i}`, parent: `root-${i}`, service: 'cart', startMs: Date.now() },
  ]);
  expect(await postTraces(fleet.up.get('a')!.http, agent, requestBytes(...spans))).toBe(200);
  agent.destroy();
  await eventually(async () => {
    const { traces } = await json<{ traces: object[] }>('a', '/api/search?limit=200');
    expect(traces).toHaveLength(kept.length);
  });
}, 120_000);
afterAll(async () => {
  await fleet[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

interface Cluster {
  readonly self: string;
  readonly epoch: string;
  readonly members: readonly { readonly name: string; readonly address: string; readonly state: string }[];
  readonly owned: number;
}

function ask(name: string, path: string, body?: object): Promise<Response> {
  const headers = { authorization: `Bearer ${operator}`, ...(body && { 'content-type': 'application/json' }) };
  const post = body && { method: 'POST', body: JSON.stringify(body) };
  return fetch(`http://${fleet.up.get(name)!.admin}${path}`, { headers, ...post });
}
async function json<T>(name: string, path: string, body?: object): Promise<T> {
  const answer = await ask(name, path, body);
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

/** As everybody computes it. */
function ownerOf(id: string): string {
  const owners = Ownership.of(names.map((name) => ({ name, address: '' })));
  const [high, low] = [id.slice(16, 24), id.slice(24)].map((hex) => Number.parseInt(hex, 16) | 0);
  return owners.members[owners.ownerOf(high, low)].name;
}

describe('whichever gateway of a fleet is asked', () => {
  it('says who is in it, and all agree', async () => {
    const each = await Promise.all(names.map((name) => json<Cluster>(name, '/api/cluster')));
    expect(each.map(({ self }) => self)).toEqual(names);
    expect(new Set(each.map(({ epoch }) => epoch)).size).toBe(1);
    expect(each.reduce((sum, { owned }) => sum + owned, 0)).toBeCloseTo(1);
  });

  it.each(names)('%s explains every trace as its owner does', async (name) => {
    for (const [i, id] of ids.entries()) {
      const said = await json<Record<string, unknown>>(name, `/api/explain/${id}`);
      expect(said).toMatchObject({ traceId: id, verdict: failed(i) ? 'keep' : 'drop', spans: 2 });
      expect(said.gateway ?? name).toBe(ownerOf(id));
    }
    expect(new Set(ids.map(ownerOf)).size).toBe(3);
  });

  it.each(names)('%s finds every trace, kept or dropped, by its id and by a search', async (name) => {
    for (const id of ids) {
      // Unknown traces are empty ones there.
      const { trace } = await json<{ trace: object }>(name, `/api/v2/traces/${id}`);
      expect(JSON.stringify(trace).split('"spanId"')).toHaveLength(3);
    }
    // A member that is too busy to answer in time makes an answer partial.
    const found = (query: string) =>
      eventually(async () => {
        const { traces, status } = await json<{ traces: { traceID: string }[]; status?: string }>(
          name,
          `/api/search?${query}`,
        );
        expect(status).toBeUndefined();
        return traces.map(({ traceID }) => traceID.padStart(32, '0')).sort();
      });
    expect(await found('limit=200')).toEqual(kept.toSorted());
    expect(await found('limit=200&window=true')).toEqual(ids.toSorted());
    expect(await found('limit=7&window=true')).toHaveLength(7);
  });

  it('tries rules on the windows of all', async () => {
    const said = await json('c', '/api/simulate', { rules: 'baseline_percent: 100\n' });
    expect(said).toMatchObject({
      today: { keptTraces: kept.length },
      candidate: { keptTraces: count },
      gateways: names,
    });
  });

  it('brings a dropped trace back from its owner, once', async () => {
    const [id] = ids.filter((it) => ownerOf(it) === 'b' && !kept.includes(it));
    const { traces } = await json<{ traces: object[] }>('c', '/api/keep', { ids: [id, kept[0]] });
    expect(traces).toEqual([
      { traceId: id, state: 'brought', spans: 2 },
      { traceId: kept[0], state: 'kept', spans: 0 },
    ]);
    await eventually(async () => {
      const found = await json<{ traces: { traceID: string }[] }>('a', '/api/search?limit=200');
      expect(found.traces.map(({ traceID }) => traceID.padStart(32, '0')).sort()).toEqual([...kept, id].sort());
    });
  });

  it('shows the fleet to obsctl', async () => {
    const gateway = `http://${fleet.up.get('b')!.admin}`;
    const { code, out } = await obsctlWith({ OBSCTL_TOKEN: operator }, '--gateway', gateway, 'status');
    expect(code).toBe(0);
    expect(out).toMatch(/^fleet {5}3 of 3 members, list [0-9a-f]{8}; b owns \d\d(\.\d)? % of all traces$/m);
    for (const name of names) expect(out).toMatch(new RegExp(`^${name} .* (self|reachable)$`, 'm'));
  });

  it('keeps to a limit of the fleet in sum, each gateway to its part', async () => {
    const agent = new Agent();
    const spans = Array.from({ length: 150 }, (_, i) => i).flatMap((i) =>
      [0, 1].map((n) => ({ trace: `limited-${i}`, id: `limited-${i}-${n}`, service: 'limited', startMs: Date.now() })),
    );
    expect(await postTraces(fleet.up.get('b')!.http, agent, requestBytes(...spans))).toBe(200);
    agent.destroy();
    const query = encodeURIComponent('{ resource.service.name = "limited" }');
    const found = async (window: string) => {
      const path = `/api/search?q=${query}&limit=500${window}`;
      const { traces } = await json<{ traces: { traceID: string }[] }>('a', path);
      return traces.map(({ traceID }) => traceID.padStart(32, '0'));
    };
    await eventually(async () => expect(await found('&window=true')).toHaveLength(150));
    await eventually(async () => expect(await found('')).toHaveLength(30));
    const byOwner = Map.groupBy(await found(''), ownerOf);
    expect(names.map((name) => byOwner.get(name)?.length)).toEqual([10, 10, 10]);
  });

  it('says what it does not know while one is gone, and does not wait long for it', async () => {
    const lost = ids.find((id) => ownerOf(id) === 'c')!;
    await fleet.kill('c');
    const since = performance.now();
    const missing = await ask('a', `/api/explain/${lost}`);
    expect(missing.status).toBe(503);
    expect(await missing.text()).toContain('c: ');
    await eventually(async () => {
      const search = await ask('a', '/api/search?limit=200&window=true');
      expect(await search.json()).toMatchObject({ status: 'PARTIAL' });
      expect(search.headers.get('x-tailgate-unanswered')).toBe('c');
    }, 15_000);
    expect(performance.now() - since).toBeLessThan(20_000);
    await eventually(async () => {
      const { members } = await json<Cluster>('a', '/api/cluster');
      expect(members.find(({ name }) => name === 'c')?.state).toBe('unreachable');
    });
  });
});
