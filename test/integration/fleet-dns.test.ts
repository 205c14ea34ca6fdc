import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { freePort } from '../../tools/servers/ports.ts';
import { type DnsEntry, type DnsRecord, startDnsServer } from '../support/dns-server.ts';
import { makeFleet, sendTraffic, settled } from '../support/fleet.ts';
import { eventually } from '../support/gateway.ts';
import { difference, spanIdentities } from '../support/identity.ts';
import { startSink } from '../support/otlp-sink.ts';

const names = ['a', 'b', 'c'];
const hosts: Record<string, string> = { a: '127.0.0.1', b: '127.0.0.2', c: '127.0.0.3' };
const service = '_cluster._tcp.gw.test';

/** A list of members as records: pods by their addresses, or by their names, each at its own address. */
const ways = {
  'addresses of a headless Service': {
    dns: (port: number) => `gw.test.:${port}`,
    put: (records: Map<string, DnsEntry>, members: readonly string[]) =>
      void records.set(
        'gw.test',
        members.map((it): DnsRecord => ({ type: 'A', address: hosts[it], ttl: 1 })),
      ),
  },
  'SRV records': {
    dns: () => `${service}.`,
    put: (records: Map<string, DnsEntry>, members: readonly string[], port: number) => {
      for (const it of names) records.set(`${it}.gw.test`, [{ type: 'A', address: hosts[it], ttl: 1 }]);
      records.set(
        service,
        members.map((it): DnsRecord => ({ type: 'SRV', target: `${it}.gw.test`, port })),
      );
    },
  },
} as const;

it.concurrent.each(Object.entries(ways))(
  'gateways come and go by %s: every trace is whole, each span once',
  async (_, { dns, put }) => {
    const records = new Map<string, DnsEntry>();
    const port = await freePort();
    const addresses = Object.fromEntries(names.map((it) => [it, `${hosts[it]}:${port}`]));
    const server = await startDnsServer(records);
    const sink = await startSink();
    const members = { dns: dns(port), refresh: '1s', name_servers: [server.address] };
    const fleet = await makeFleet(names, sink.url, {
      addresses,
      boot: { buffer: { max_bytes: '128MiB', decision_wait: '5s' }, cluster: { members } },
    });
    try {
      put(records, ['a', 'b'], port);
      await Promise.all([fleet.start('a'), fleet.start('b')]);
      await settled(fleet, 2);
      const traffic = sendTraffic(fleet, { spreadMs: 600 });
      // It is there before it is named, and hands on what comes to it.
      await fleet.start('c');
      put(records, names, port);
      await settled(fleet, 3);
      await sleep(1_000);
      // A name server that knows of nobody takes nobody away; it is asked at least once in that time.
      records.set([...records.keys()].find((it) => it === service) ?? 'gw.test', []);
      await sleep(1_500);
      put(records, ['a', 'c'], port);
      await settled(fleet, 2);
      await sleep(1_000);
      await traffic.stop();
      const wanted = traffic.acknowledged.flatMap((body) => spanIdentities(body));
      const compared = () =>
        difference(
          sink.bodies.flatMap((body) => spanIdentities(body)),
          wanted,
        );
      await eventually(async () => expect(compared().missing.length).toBe(0));
      expect(compared().extra).toEqual([]);
      expect(wanted.length).toBeGreaterThan(1_000);
      const owned = async (name: string) => {
        const gateway = fleet.up.get(name);
        return gateway && fleet.metric('tailgate_fleet_owned_ratio', gateway);
      };
      expect(await owned('b')).toBe(0);
      expect((await owned('a'))! + (await owned('c'))!).toBeCloseTo(1, 5);
      for (const gateway of fleet.up.values()) expect(gateway.events('members_unknown').length).toBeLessThanOrEqual(1);
    } finally {
      await fleet[Symbol.asyncDispose]();
      await sink[Symbol.asyncDispose]();
      server.close();
    }
  },
  240_000,
);
