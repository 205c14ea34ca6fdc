import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { makeFleet, sendTraffic } from '../support/fleet.ts';
import { eventually } from '../support/gateway.ts';
import { difference, spanIdentities } from '../support/identity.ts';
import { startSink } from '../support/otlp-sink.ts';

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
    await eventually(async () => {
      for (const gateway of fleet.up.values()) expect((await gateway.status()).buffer.spans).toBe(0);
    });
    await sleep(500);
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
  return { fleet, compared };
}

/** Each gateway that is up says that so many are in force. */
const settled = (fleet: Awaited<ReturnType<typeof makeFleet>>, members: number): Promise<void> =>
  eventually(async () => {
    for (const gateway of fleet.up.values()) {
      const said = [...gateway.events('fleet_joined'), ...gateway.events('fleet_changed')].at(-1);
      expect(said?.members).toHaveLength(members);
    }
  });

it('three gateways: every trace is whole, wherever its spans come in', async () => {
  const { fleet, compared } = await fleetOf(['a', 'b', 'c']);
  for (const name of ['a', 'b', 'c']) await fleet.start(name);
  await settled(fleet, 3);
  const traffic = sendTraffic(fleet);
  await sleep(6_000);
  await traffic.stop();
  const { wanted, extra, missing } = await compared(traffic.acknowledged);
  expect(wanted).toBeGreaterThan(1_000);
  expect(extra).toEqual([]);
  expect(missing).toEqual([]);
});

it('a rolling restart, a fourth gateway and its going: every trace is whole all the same', async () => {
  const { fleet, compared } = await fleetOf(['a', 'b', 'c', 'd']);
  for (const name of ['a', 'b', 'c']) await fleet.start(name);
  await settled(fleet, 3);
  const traffic = sendTraffic(fleet);
  await sleep(3_000);
  for (const name of ['a', 'b', 'c']) {
    expect(await fleet.stop(name)).toBe(0);
    await fleet.start(name);
  }
  await fleet.start('d');
  await sleep(3_000);
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
  expect(wanted).toBeGreaterThan(10_000);
  expect({ extra, missing }).toEqual({ extra: [], missing: [] });
}, 600_000);
