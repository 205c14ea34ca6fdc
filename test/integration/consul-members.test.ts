import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ConsulMembers } from '../../src/cluster/members/consul.ts';
import { ConsulEntry } from '../../src/cluster/members/consul-entry.ts';
import { readMembers } from '../../src/cluster/members/consul-read.ts';
import { registerMember } from '../../src/cluster/members/register.ts';
import { consulClient } from '../../src/consul/client.ts';
import { type RunningConsul, startConsul } from '../../tools/servers/start.ts';
import { makeFleet } from '../support/fleet.ts';
import { eventually } from '../support/gateway.ts';
import { startSink } from '../support/otlp-sink.ts';

const timing = { ttlMs: 10_000, beatMs: 200, retryMs: 200, farewellMs: 2_000 };
const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function started(options: Parameters<typeof startConsul>[0] = {}): Promise<RunningConsul> {
  const consul = await startConsul(options);
  stops.push(() => consul.stop());
  return consul;
}

const clientOf = ({ url }: RunningConsul, env: Record<string, string> = {}) =>
  consulClient({ CONSUL_HTTP_ADDR: url, ...env });

/** A gateway's entry, kept alive as a gateway keeps it. */
function enter(
  consul: RunningConsul,
  name: string,
  port: number,
  more: { timing?: typeof timing; env?: Record<string, string> } = {},
) {
  const troubles: string[] = [];
  const entry = new ConsulEntry(
    clientOf(consul, more.env),
    { service: 'tailgate', name, host: '127.0.0.1', port },
    more.timing ?? timing,
  ).start({ answered: () => {}, failed: (error) => troubles.push(error.message) });
  stops.push(() => entry.stop());
  return { entry, troubles };
}

/** What somebody sees who watches. */
function watch(consul: RunningConsul, env: Record<string, string> = {}) {
  const told: string[][] = [];
  const troubles: string[] = [];
  const members = new ConsulMembers(readMembers(clientOf(consul, env), 'tailgate')).start(
    (list) => told.push(list.map(({ name, address }) => `${name}=${address}`)),
    { answered: () => {}, failed: (error) => troubles.push(error.message) },
  );
  stops.push(() => members.stop());
  const until = (list: string[]) =>
    vi.waitFor(() => expect(told.at(-1) ?? []).toEqual(list), { timeout: 30_000, interval: 20 });
  return { told, troubles, until };
}

/** What Consul has there; nothing at all is an empty list. */
const list = async <T>(url: string): Promise<T[]> => {
  const response = await fetch(url);
  return response.ok ? ((await response.json()) as T[]) : [];
};

const one = 'a=127.0.0.1:4319';
const two = 'b=127.0.0.1:4320';

describe('gateways that register themselves in a real Consul', () => {
  it('see each other come and go, at once', async () => {
    const consul = await started();
    const { until, told } = watch(consul);
    enter(consul, 'b', 4320);
    await until([two]);
    const cluster = {
      name: 'a',
      listen: { host: '0.0.0.0', port: 0 },
      advertise: { host: '127.0.0.1', port: 0 },
      members: { consul: { service: 'tailgate', client: clientOf(consul) } },
    };
    const quietly = { answered: () => {}, failed: () => {} };
    const first = await registerMember(cluster, { host: '0.0.0.0', port: 4319 }, quietly);
    stops.push(() => first.stop());
    await until([one, two]);
    await first.stop();
    await until([two]);
    expect(told).toHaveLength(3);
  });

  it('lose one that says nothing any more when its time to live is over, and have it back when it speaks', async () => {
    const consul = await started();
    const { until } = watch(consul);
    enter(consul, 'a', 4319);
    // Beats so rarely that it is dead in between, as one that hangs.
    const hanging = enter(consul, 'b', 4320, { timing: { ...timing, ttlMs: 1_000, beatMs: 6_000 } });
    await until([one, two]);
    await until([one]);
    await until([one, two]);
    expect(hanging.troubles).toEqual([]);
  });

  it('come back to an agent that was started anew and has forgotten all of them', async () => {
    const consul = await started();
    const { until, told, troubles } = watch(consul);
    const entries = [enter(consul, 'a', 4319), enter(consul, 'b', 4320)];
    await until([one, two]);
    await consul.stop();
    await vi.waitFor(() => expect(entries.every((it) => it.troubles.length > 0)).toBe(true), { timeout: 30_000 });
    const again = await started({ httpPort: consul.httpPort });
    const { until: untilSeen } = watch(again);
    await untilSeen([one, two]);
    await vi.waitFor(() => expect(troubles.length).toBeGreaterThan(0), { timeout: 30_000 });
    await until([one, two]);
    // Nobody was ever told that the fleet was empty.
    expect(told.every((list) => list.length > 0)).toBe(true);
  });

  it('keep the list while there is no leader, or no Consul', async () => {
    const consul = await started();
    const { until, told, troubles } = watch(consul);
    enter(consul, 'a', 4319);
    enter(consul, 'b', 4320);
    await until([one, two]);
    const before = told.length;
    await consul.stop();
    await vi.waitFor(() => expect(troubles.length).toBeGreaterThan(1), { timeout: 30_000 });
    // A server that waits for two others has no leader, and says so when it has held a question for seven seconds; it is asked
    // ten seconds after the time before at most.
    const dataDir = mkdtempSync(join(tmpdir(), 'tailgate-consul-'));
    stops.push(() => rmSync(dataDir, { recursive: true, force: true }));
    const waits = ['-bootstrap-expect=3'];
    const { httpPort } = consul;
    await started({ dataDir, httpPort, extraArgs: waits, isLeaderless: true });
    await vi.waitFor(() => expect(troubles.join()).toMatch(/leader/i), { timeout: 90_000 });
    expect(told).toHaveLength(before);
  });

  it('are told who has their name', async () => {
    const consul = await started();
    const { until } = watch(consul);
    enter(consul, 'a', 4319);
    await until([one]);
    const other = enter(consul, 'a', 5319);
    await vi.waitFor(() => expect(other.troubles.join()).toContain('another gateway at 127.0.0.1:4319 has the name'), {
      timeout: 30_000,
    });
  });

  it('take their own name again after a crash, without waiting for the old session', async () => {
    const consul = await started();
    const { until } = watch(consul);
    const crashed = enter(consul, 'a', 4319, { timing: { ...timing, beatMs: 3_600_000 } });
    await until([one]);
    const again = enter(consul, 'a', 4319);
    await vi.waitFor(
      async () => {
        const [key] = await list<{ Session: string }>(`${consul.url}/v1/kv/tailgate/members/tailgate/a`);
        const sessions = await list<{ ID: string }>(`${consul.url}/v1/session/list`);
        expect(sessions.map(({ ID }) => ID)).toEqual([key?.Session]);
      },
      { timeout: 30_000 },
    );
    expect([...crashed.troubles, ...again.troubles]).toEqual([]);
  });

  it('need rights, and are told which', async () => {
    const token = '11111111-2222-3333-4444-555555555555';
    const consul = await started({ aclToken: token });
    const blind = watch(consul);
    const mute = enter(consul, 'a', 4319);
    await vi.waitFor(
      () => expect(mute.troubles.join()).toMatch(/answered 403: .*the token needs `write` on the service/),
      {
        timeout: 30_000,
      },
    );
    const env = { CONSUL_HTTP_TOKEN: token };
    const { until } = watch(consul, env);
    enter(consul, 'b', 4320, { env });
    await until([two]);
    await vi.waitFor(() => expect(blind.troubles.length).toBeGreaterThan(0), { timeout: 30_000 });
    expect(blind.told).toEqual([]);
  });
});

it('whole gateways find each other there, and one that ends is out of the list at once', async () => {
  const consul = await started();
  const sink = await startSink();
  const names = ['a', 'b', 'c'];
  const members = { consul: { address: consul.url } };
  const boot = { buffer: { max_bytes: '64MiB', decision_wait: '1s' }, cluster: { members } };
  const fleet = await makeFleet(names, sink.url, { boot });
  stops.push(async () => {
    await fleet[Symbol.asyncDispose]();
    await sink[Symbol.asyncDispose]();
  });
  const seen = async (name: string): Promise<string[]> => {
    const { members: all } = JSON.parse(await fleet.up.get(name)!.get('/api/cluster'));
    return all.map((it: { name: string; state: string }) => `${it.name} ${it.state}`);
  };
  for (const name of names) await fleet.start(name);
  await eventually(async () => {
    expect(await seen('a')).toEqual(['a self', 'b reachable', 'c reachable']);
    expect(await seen('c')).toEqual(['a reachable', 'b reachable', 'c self']);
  });
  expect(await fleet.stop('b')).toBe(0);
  await vi.waitFor(async () => expect(await seen('a')).toEqual(['a self', 'c reachable']), { timeout: 10_000 });
});
