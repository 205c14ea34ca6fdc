import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { delivered, makeFleet, sendTraffic, settled, spansPerTrace, type Traffic } from '../support/fleet.ts';
import { eventually } from '../support/gateway.ts';
import { difference, spanIdentities } from '../support/identity.ts';
import { startSink } from '../support/otlp-sink.ts';
import { startWire, type Wire } from '../support/wire.ts';

const names = ['a', 'b', 'c'];
const keepAll = 'debug: true\nerror_status_codes: []\nlatency_threshold_ms: null\npolicies: []\n';
/** Longer than a silent gateway is in the list. */
const cutMs = 14_000;

it.each([
  ['two of them from each other, which the third one reaches', (by: string, of: string) => by !== 'c' && of !== 'c'],
  ['one of them from the others', (by: string, of: string) => by === 'a' || of === 'a'],
])(
  'a network that cuts off %s: nothing is lost, and traces are whole when it is mended',
  async (_, isBetween) => {
    const sink = await startSink();
    const wires: Wire[] = [];
    const fleet = await makeFleet(names, sink.url, {
      rules: keepAll,
      boot: { buffer: { max_bytes: '128MiB', decision_wait: '3s' } },
      seenAt: async (by, name, address) => {
        if (!isBetween(by, name)) return undefined;
        const wire = await startWire(address);
        wires.push(wire);
        return wire.address;
      },
    });
    onTestFinished(async () => {
      await fleet[Symbol.asyncDispose]();
      for (const wire of wires) wire.close();
      await sink[Symbol.asyncDispose]();
    });
    for (const name of names) await fleet.start(name);
    await settled(fleet, names.length, 40_000);
    const traffic = sendTraffic(fleet);
    await sleep(2_000);
    for (const wire of wires) wire.cut();
    await sleep(cutMs);
    for (const wire of wires) wire.mend();
    await settled(fleet, names.length, 40_000);
    await sleep(5_000);
    const after = sendTraffic(fleet, { name: 'after' });
    await sleep(3_000);
    await Promise.all([traffic.stop(), after.stop()]);

    const identities = ({ acknowledged }: Traffic) => acknowledged.flatMap((body) => spanIdentities(body));
    const wanted = [...identities(traffic), ...identities(after)];
    const compared = () =>
      difference(
        sink.bodies.flatMap((body) => spanIdentities(body)),
        wanted,
      );
    await delivered(fleet);
    await eventually(async () => expect(compared().missing).toEqual([]));
    let uncertain = 0;
    for (const gateway of fleet.up.values())
      uncertain += await fleet.metric('tailgate_forward_uncertain_spans_total', gateway);
    const { extra } = compared();
    expect(wanted.length).toBeGreaterThan(3_000);
    expect(extra.length).toBeLessThanOrEqual(uncertain);

    // Which gateway each trace of the time after it left by, and with how many spans.
    const places = new Map<string, Map<string, number>>();
    const late = new Set(identities(after));
    for (const [i, body] of sink.bodies.entries()) {
      for (const identity of spanIdentities(body).filter((it) => late.has(it))) {
        const of = places.get(identity.slice(0, 32)) ?? new Map<string, number>();
        places.set(identity.slice(0, 32), of.set(sink.heads[i].path, (of.get(sink.heads[i].path) ?? 0) + 1));
      }
    }
    expect(places.size * spansPerTrace).toBe(late.size);
    for (const [trace, of] of places) expect({ trace, spans: [...of.values()] }).toEqual({ trace, spans: [6] });
  },
  240_000,
);
