import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { delivered, makeFleet, sendTraffic, settled } from '../support/fleet.ts';
import { eventually, type GatewayProcess } from '../support/gateway.ts';
import { wereHeldUp } from '../support/held-up.ts';
import { difference, spanIdentities } from '../support/identity.ts';
import { startSink } from '../support/otlp-sink.ts';

const names = ['a', 'b', 'c'];
const keepAll = 'debug: true\npolicies: []\n';
/** Longer than a silent gateway is waited for. */
const hangMs = 12_000;

it('a gateway that hangs under load: no span is lost, those twice are counted, and the others stay well', async () => {
  const sink = await startSink();
  const buffer = { max_bytes: '128MiB', decision_wait: '3s' };
  const fleet = await makeFleet(names, sink.url, { rules: keepAll, boot: { buffer } });
  onTestFinished(async () => {
    await fleet[Symbol.asyncDispose]();
    await sink[Symbol.asyncDispose]();
  });
  for (const name of names) await fleet.start(name);
  await settled(fleet, 3);
  const { pid } = fleet.up.get('c') as GatewayProcess;
  // What was sent to it straight would hang with it.
  fleet.close('c');
  const traffic = sendTraffic(fleet, { everyMs: 200 });
  await sleep(1_500);
  process.kill(pid, 'SIGSTOP');
  await sleep(hangMs);
  process.kill(pid, 'SIGCONT');
  await sleep(3_000);
  await traffic.stop();
  const wanted = traffic.acknowledged.flatMap((body) => spanIdentities(body));
  await delivered(fleet);
  const compared = () =>
    difference(
      sink.bodies.flatMap((body) => spanIdentities(body)),
      wanted,
    );
  await eventually(async () => expect(compared().missing).toEqual([]));
  const { extra } = compared();
  expect(wanted.length).toBeGreaterThan(3_000);
  const sum = async (metric: string, of: readonly string[]): Promise<number> => {
    const each = of.map((name) => fleet.metric(metric, fleet.up.get(name) as GatewayProcess));
    return (await Promise.all(each)).reduce((all, one) => all + one, 0);
  };
  expect(extra.length).toBeLessThanOrEqual(await sum('tailgate_forward_uncertain_spans_total', names));
  expect(await sum('tailgate_forward_failed_spans_total{member="c"}', ['a', 'b'])).toBeGreaterThan(0);
  // Of a machine that is short of time they refuse what they are brought, and take it later.
  if (wereHeldUp(...fleet.up.values())) return;
  expect(await sum('tailgate_forward_failed_spans_total{member="b"}', ['a'])).toBe(0);
  expect(await sum('tailgate_forward_failed_spans_total{member="a"}', ['b'])).toBe(0);
}, 120_000);
