import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { encodeWord, noLists, readWord } from '../../src/cluster/word.ts';
import { Peer } from '../../src/forward/peer.ts';
import { exchangePath } from '../../src/receive/grpc/services.ts';
import { delivered, makeFleet, sendTraffic, settled, spansPerTrace } from '../support/fleet.ts';
import { eventually } from '../support/gateway.ts';
import { difference, spanIdentities } from '../support/identity.ts';
import { startSink } from '../support/otlp-sink.ts';
import { postTraces } from '../support/post-traces.ts';
import { idOf, requestBytes, traceIdHex } from '../support/spans.ts';

/**
 * Real gateways, each a process, and a sender that brings the spans of each trace to another one every time. A trace is
 * kept where all of its spans met, so what the sink has, span by span, says whether traces stayed whole.
 */
async function fleetOf(...[names, more]: [Parameters<typeof makeFleet>[0], Parameters<typeof makeFleet>[2]?]) {
  const sink = await startSink();
  const fleet = await makeFleet(names, sink.url, more);
  onTestFinished(async () => {
    await fleet[Symbol.asyncDispose]();
    await sink[Symbol.asyncDispose]();
  });
  const arrived = () => sink.bodies.flatMap((body) => spanIdentities(body));
  /** What was acknowledged and is not there, and what is there too often, when nothing waits any more. */
  const compared = async (acknowledged: readonly Uint8Array[]) => {
    const wanted = acknowledged.flatMap((body) => spanIdentities(body));
    await delivered(fleet);
    if (process.env.FLEET_DEBUG) {
      for (const [name, gateway] of fleet.up) {
        const lines = (await gateway.get('/metrics')).split('\n');
        const told = /^tailgate_(received_spans|outcome_spans|forward|adopted|refused_requests)/;
        console.log(
          name,
          lines.filter((line) => told.test(line) && !/ 0$/.test(line)),
          gateway.output().slice(-3000),
        );
      }
    }
    return { wanted: wanted.length, ...difference(arrived(), wanted) };
  };
  return { fleet, compared, sink };
}

it('three gateways: every trace is whole, wherever its spans come in', async () => {
  const { fleet, compared } = await fleetOf(['a', 'b', 'c']);
  for (const name of ['a', 'b', 'c']) await fleet.start(name);
  await settled(fleet, 3);
  const traffic = sendTraffic(fleet);
  const until = Date.now() + 6_000;
  // Meanwhile somebody who is no member says that b leaves.
  while (Date.now() < until) {
    await sayInTheName('b', Object.values(fleet.addresses));
    await sleep(20);
  }
  await traffic.stop();
  const { wanted, extra, missing } = await compared(traffic.acknowledged);
  expect(wanted).toBeGreaterThan(1_000);
  expect(extra).toEqual([]);
  expect(missing).toEqual([]);
  for (const gateway of fleet.up.values()) expect(gateway.events('fleet_leaving')).toEqual([]);
  await settled(fleet, 3, 0);
});

async function sayInTheName(name: string, to: readonly string[]): Promise<void> {
  const word = encodeWord({ name, run: 'no run of its', isLeaving: true, adminPort: 1, ...noLists });
  for (const address of to) {
    const peer = new Peer({ address, security: null, headers: {}, timeoutMs: 5_000 });
    expect(readWord((await peer.ask(exchangePath, word)) as Uint8Array).isLeaving).toBe(false);
    peer.close();
  }
}

it('a rolling restart, a fourth gateway and its going: every trace is whole all the same', async () => {
  const { fleet, compared } = await fleetOf(['a', 'b', 'c', 'd']);
  for (const name of ['a', 'b', 'c']) await fleet.start(name);
  await settled(fleet, 3);
  const traffic = sendTraffic(fleet);
  await sleep(3_000);
  for (const name of ['a', 'b', 'c']) {
    expect(await fleet.stop(name)).toBe(0);
    await fleet.start(name);
    // As long as a rolling update waits for the next one at least.
    await sleep(5_000);
  }
  await fleet.start('d');
  await sleep(5_000);
  expect(await fleet.stop('d')).toBe(0);
  await sleep(3_000);
  await traffic.stop();
  const { wanted, extra, missing } = await compared(traffic.acknowledged);
  console.log({
    wanted,
    extra: extra.length,
    missing: missing.length,
    repeats: traffic.repeats,
    unsure: traffic.unsure,
  });
  expect(wanted).toBeGreaterThan(5_000);
  expect({ extra, missing }).toEqual({ extra: [], missing: [] });
}, 600_000);

it('kill -9: no more is lost than waited there, and the others say how much that was', async () => {
  const { fleet, compared } = await fleetOf(['a', 'b', 'c']);
  for (const name of ['a', 'b', 'c']) await fleet.start(name);
  await settled(fleet, 3);
  const traffic = sendTraffic(fleet);
  await sleep(4_000);
  await fleet.kill('b');
  await sleep(6_000);
  await traffic.stop();
  const { wanted, extra, missing } = await compared(traffic.acknowledged);
  let atRisk = 0;
  for (const gateway of fleet.up.values()) atRisk += await fleet.metric('tailgate_forward_at_risk', gateway);
  const lostTraces = new Set(missing.map((identity) => identity.slice(0, 32))).size;
  if (process.env.FLEET_DEBUG)
    console.log({ wanted, missing: missing.length, lostTraces, atRisk, extra: extra.length });
  expect(atRisk).toBeGreaterThan(0);
  // Of a trace that waited there in part, the rest is judged without it: its spans may all be missing at the sink.
  expect(lostTraces).toBeGreaterThan(0);
  expect(lostTraces).toBeLessThan(wanted / spansPerTrace / 2);
}, 300_000);

it('an agent adds what its node knows to every resource once, and rules see it', async () => {
  const rules = `baseline_percent: 0
error_status_codes: []
policies:
  - name: node
    type: and
    and:
      and_sub_policy:
        - { name: here, type: string_attribute, string_attribute: { key: k8s.node.name, values: [node-7] } }
        - { name: failed, type: status_code, status_code: { status_codes: [ERROR] } }
`;
  const { fleet, sink } = await fleetOf(['a', 'b'], { rules, boot: { buffer: { decision_wait: '500ms' } } });
  for (const name of ['a', 'b']) await fleet.start(name);
  await settled(fleet, 2);
  const agent = await fleet.startAgent({
    enrich: { resource: { 'k8s.node.name': 'node-7', 'service.name': 'not this' }, set: { 'host.name': 'h' } },
  });
  fleet.up.set('agent', agent);
  const told = Array.from({ length: 60 }, (_, i) => ({
    trace: `enriched-${i % 20}`,
    id: `${i}`,
    service: `service-${i % 3}`,
    status: 'ERROR' as const,
    // One names another node, and one the host: what is there stays, but for what is set.
    ...(i % 3 === 1 && { resource: { 'host.name': 'other' } }),
  }));
  const http = new Agent({ keepAlive: true });
  for (const spans of [told.slice(0, 1), told.slice(1, 20), told.slice(20)])
    expect(await postTraces(agent.http, http, requestBytes(...spans))).toBe(200);
  http.destroy();
  await eventually(async () => expect(sink.spans()).toHaveLength(60));
  const ids = sink.spans().map(({ traceId, spanId }) => `${traceId} ${spanId}`);
  expect(ids.sort()).toEqual(
    told.map(({ trace, id }) => `${traceIdHex(trace)} ${Buffer.from(idOf(id, 8)).toString('hex')}`).sort(),
  );
  const resources = sink.taken.flatMap(({ resourceSpans }) => resourceSpans ?? []);
  for (const { resource } of resources) {
    const attributes = (resource?.attributes ?? []).map(({ key, value }) => `${key}=${value?.stringValue}`);
    expect(attributes.filter((it) => /^(k8s|host)/.test(it)).sort()).toEqual(['host.name=h', 'k8s.node.name=node-7']);
    expect(attributes.filter((it) => it.startsWith('service.name='))).toEqual([expect.stringMatching(/=service-\d$/)]);
  }
}, 120_000);

it('an agent decides nothing: what it answers for, the owners have, and without them its sender is told', async () => {
  const { fleet, compared } = await fleetOf(['a', 'b']);
  for (const name of ['a', 'b']) await fleet.start(name);
  await settled(fleet, 2);
  const agent = await fleet.startAgent();
  const direct = new Set(fleet.open);
  fleet.open.clear();
  fleet.up.set('agent', agent);
  fleet.open.add('agent');
  const traffic = sendTraffic(fleet);
  await sleep(4_000);
  await traffic.stop();
  const { wanted, extra, missing } = await compared(traffic.acknowledged);
  expect(wanted).toBeGreaterThan(1_000);
  expect({ extra, missing }).toEqual({ extra: [], missing: [] });
  expect(await fleet.metric('tailgate_outcome_spans_total{outcome="kept"', agent)).toBe(0);
  expect(await fleet.metric('tailgate_forwarded_spans_total', agent)).toBe(wanted);
  for (const name of direct) await fleet.kill(name);
  const answer = await fetch(`http://${agent.http}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf' },
    body: requestBytes({ trace: 'alone' }) as NonNullable<RequestInit['body']>,
  });
  expect(answer.status).toBe(503);
}, 300_000);
