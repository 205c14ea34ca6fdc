import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DnsMembers } from '../../../src/cluster/members/dns.ts';
import { type AskDns, resolveMembers } from '../../../src/cluster/members/resolve.ts';
import { searchListIn, wholeNames } from '../../../src/cluster/members/search-list.ts';
import type { Member } from '../../../src/model/member.ts';
import { type DnsEntry, startDnsServer } from '../../support/dns-server.ts';

const names = new Map<string, DnsEntry>();
let server: Awaited<ReturnType<typeof startDnsServer>>;
beforeEach(async () => {
  names.clear();
  server = await startDnsServer(names);
});
afterEach(() => server.close());

const a = (address: string, ttl = 5) => ({ type: 'A', address, ttl }) as const;
const srv = (target: string, port = 4319, priority = 0) => ({ type: 'SRV', target, port, priority }) as const;
const byAddress = (...addresses: string[]): Member[] => addresses.map((address) => ({ name: address, address }));
/** Absolute, so that the search list of the machine that runs this test does not count. */
const host = (name: string, port = 4319) => ({ host: `${name}.`, port, refreshMs: 5_000 });
const service = { service: '_otlp._tcp.gw.obs.svc.', refreshMs: 5_000 };
const ask = (question: Parameters<AskDns>[0], signal = new AbortController().signal) =>
  resolveMembers([server.address])(question, signal);

describe('one question', () => {
  it('finds the pods of a headless Service, each called by its address', async () => {
    names.set('gw.obs.svc', [a('10.0.0.2', 30), a('10.0.0.1', 7)]);
    expect(await ask(host('gw.obs.svc'))).toEqual({
      members: byAddress('10.0.0.2:4319', '10.0.0.1:4319'),
      ttlMs: 7_000,
    });
  });

  it('takes IPv6 where there is nothing else, and never a machine twice', async () => {
    names.set('gw.obs.svc', [{ type: 'AAAA', address: 'fd00::2', ttl: 5 }]);
    expect((await ask(host('gw.obs.svc'))).members).toEqual(byAddress('[fd00::2]:4319'));
    names.set('gw.obs.svc', [a('10.0.0.2'), { type: 'AAAA', address: 'fd00::2', ttl: 5 }]);
    expect((await ask(host('gw.obs.svc'))).members).toEqual(byAddress('10.0.0.2:4319'));
  });

  it('finds pods with names by SRV, with the port of each, whatever their priorities', async () => {
    const [first, second] = ['gw-0.gw.obs.svc.cluster.local', 'GW-1.gw.obs.svc.cluster.local'];
    names.set('_otlp._tcp.gw.obs.svc', [srv(second, 4320, 10), srv(first)]);
    expect((await ask(service)).members).toEqual([
      { name: 'gw-1', address: `${second.toLowerCase()}:4320` },
      { name: 'gw-0', address: `${first}:4319` },
    ]);
  });

  it('finds where they are by the same name server where it is one of the question, but for those that are nowhere', async () => {
    names.set('_otlp._tcp.gw.obs.svc', [srv('gw-0.gw.obs.svc'), srv('gw-1.gw.obs.svc', 4320), srv('gw-2.gw.obs.svc')]);
    names.set('gw-0.gw.obs.svc', [a('10.0.0.2'), a('10.0.0.1')]);
    names.set('gw-1.gw.obs.svc', [{ type: 'AAAA', address: 'fd00::2', ttl: 5 }]);
    const located = { ...service, nameServers: [server.address] };
    expect((await resolveMembers()(located, new AbortController().signal)).members).toEqual([
      { name: 'gw-0', address: '10.0.0.1:4319' },
      { name: 'gw-1', address: '[fd00::2]:4320' },
    ]);
    names.set('gw-2.gw.obs.svc', 'SERVFAIL');
    await expect(resolveMembers()(located, new AbortController().signal)).rejects.toThrow('SERVFAIL');
  });

  it('refuses targets that cannot be told apart by name, rather than lose one', async () => {
    names.set('_otlp._tcp.gw.obs.svc', [srv('gw-0.eu.example'), srv('gw-0.us.example')]);
    await expect(ask(service)).rejects.toThrow(
      'two targets called gw-0, gw-0.eu.example:4319 and gw-0.us.example:4319',
    );
  });

  it('reads 200 pods, which no UDP answer holds, by TCP', async () => {
    const addresses = Array.from({ length: 200 }, (_, i) => `10.0.1.${i}`);
    names.set(
      'gw.obs.svc',
      addresses.map((address) => a(address)),
    );
    const { members } = await ask(host('gw.obs.svc'));
    expect(members.map(({ address }) => address).sort()).toEqual(addresses.map((it) => `${it}:4319`).sort());
  });

  it.each([
    ['there is no such name', undefined, 'gw.obs.svc: no such name, or nothing under it'],
    ['there is nothing under it', [], 'gw.obs.svc: no such name, or nothing under it'],
    ['the server fails', 'SERVFAIL', 'gw.obs.svc: the name server failed (SERVFAIL)'],
  ] as const)('says so where %s', async (_, entry, why) => {
    if (entry !== undefined) names.set('gw.obs.svc', entry);
    await expect(ask(host('gw.obs.svc'))).rejects.toThrow(why);
  });

  it('ends when it is told to, however silent the server', async () => {
    names.set('gw.obs.svc', 'silence');
    const ending = new AbortController();
    const answer = ask(host('gw.obs.svc'), ending.signal);
    while (server.asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
    ending.abort();
    await expect(answer).rejects.toThrow('gw.obs.svc: the name server does not answer');
  });

  it('needs no server for an address', async () => {
    const question = { host: 'fd00::1', port: 1, refreshMs: 1 };
    expect((await ask(question)).members).toEqual(byAddress('[fd00::1]:1'));
    expect(server.asked).toEqual([]);
  });
});

describe('a name that is not whole', () => {
  const kubernetes = searchListIn(
    'nameserver 10.96.0.10\nsearch obs.svc.cluster.local svc.cluster.local cluster.local.\noptions edns0 ndots:5\n',
  );

  it('is looked for in the domains of resolv.conf, as every program on the machine does', () => {
    expect(kubernetes).toEqual({ domains: ['obs.svc.cluster.local', 'svc.cluster.local', 'cluster.local'], dots: 5 });
    expect(wholeNames('gw.obs.svc', kubernetes)).toEqual([
      'gw.obs.svc.obs.svc.cluster.local',
      'gw.obs.svc.svc.cluster.local',
      'gw.obs.svc.cluster.local',
      'gw.obs.svc',
    ]);
    expect(wholeNames('gw.example.com', searchListIn('domain home.arpa'))).toEqual([
      'gw.example.com',
      'gw.example.com.home.arpa',
    ]);
    expect(wholeNames('gw', searchListIn(''))).toEqual(['gw']);
    expect(wholeNames('gw.example.', kubernetes)).toEqual(['gw.example']);
  });
});

describe('who the members are', () => {
  /** A loop whose pauses the test ends, one after the other. */
  function loop(question: Parameters<AskDns>[0], by: AskDns, random = 0.5) {
    const told: (readonly string[])[] = [];
    const troubles: string[] = [];
    const pauses: number[] = [];
    let [paused, wake] = [Promise.withResolvers<void>(), () => {}];
    const world = {
      random: () => random,
      sleep: (ms: number, signal: AbortSignal) =>
        new Promise<void>((resolve, reject) => {
          pauses.push(ms);
          signal.addEventListener('abort', () => reject(signal.reason));
          wake = resolve;
          paused.resolve();
        }),
    };
    const watch = new DnsMembers(by, { patienceMs: 10_000, leastMs: 1_000 }, world).start(
      question,
      (members) => told.push(members.map(({ address }) => address)),
      { answered: () => {}, failed: (error) => troubles.push(error.message) },
    );
    return {
      told,
      troubles,
      pauses,
      watch,
      /** Until it pauses the next time. */
      turn: async () => {
        await paused.promise;
        paused = Promise.withResolvers();
        wake();
        await paused.promise;
      },
      first: () => paused.promise,
    };
  }
  const real = (): AskDns => resolveMembers([server.address]);

  it('is told when it changes, and only then', async () => {
    names.set('gw.obs.svc', [a('10.0.0.2'), a('10.0.0.1')]);
    const { told, watch, turn, first } = loop(host('gw.obs.svc'), real());
    await first();
    names.set('gw.obs.svc', [a('10.0.0.1'), a('10.0.0.2')]);
    await turn();
    expect(told).toEqual([['10.0.0.1:4319', '10.0.0.2:4319']]);
    names.set('gw.obs.svc', [a('10.0.0.1'), a('10.0.0.3')]);
    await turn();
    expect(told[1]).toEqual(['10.0.0.1:4319', '10.0.0.3:4319']);
    await watch.stop();
  });

  it('stays as it was while the name is gone, empty or broken, which is said each time', async () => {
    names.set('gw.obs.svc', [a('10.0.0.1')]);
    const { told, troubles, watch, turn, first } = loop(host('gw.obs.svc'), real());
    await first();
    for (const entry of [undefined, [], 'SERVFAIL'] as const) {
      if (entry === undefined) names.delete('gw.obs.svc');
      else names.set('gw.obs.svc', entry);
      await turn();
    }
    expect(told).toHaveLength(1);
    expect(troubles).toHaveLength(3);
    names.set('gw.obs.svc', [a('10.0.0.2')]);
    await turn();
    expect(told[1]).toEqual(['10.0.0.2:4319']);
    await watch.stop();
  });

  it.each([
    ['every refresh where answers hold longer', 300, 0.5, 5_000],
    ['sooner where they hold for less', 2, 0.5, 2_000],
    ['not faster than once a second, whatever the server says', 0, 0.5, 1_000],
    ['a tenth sooner at most', 300, 0, 4_500],
    ['or a tenth later', 300, 1, 5_500],
  ])('is asked for %s', async (_, ttl, random, pause) => {
    names.set('gw.obs.svc', [a('10.0.0.1', ttl)]);
    const { pauses, watch, first } = loop(host('gw.obs.svc'), real(), random);
    await first();
    expect(pauses[0]).toBeCloseTo(pause);
    await watch.stop();
  });

  it('is asked for again at once until there is a first answer', async () => {
    const slow = { ...host('gw.obs.svc'), refreshMs: 3_600_000 };
    const { pauses, watch, first } = loop(slow, real());
    await first();
    expect(pauses).toEqual([1_000]);
    await watch.stop();
  });

  it('is given up for this time where nobody answers, though the question goes on', async () => {
    const never: AskDns = (_, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('too late'))));
    const troubles: string[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const failed = (error: Error): void => {
      troubles.push(error.message);
      resolve();
    };
    const watch = new DnsMembers(never, { patienceMs: 10, leastMs: 1_000 }).start(host('x'), () => {}, {
      answered: () => {},
      failed,
    });
    await promise;
    expect(troubles).toEqual(['too late']);
    await watch.stop();
  });

  it('is told nobody any more after the end', async () => {
    let answer = (_: { members: Member[] }): void => {};
    const late: AskDns = () => new Promise((resolve) => (answer = resolve));
    const { told, troubles, watch } = loop(host('x'), late);
    await watch.stop();
    answer({ members: byAddress('10.0.0.1:1') });
    await new Promise((resolve) => setImmediate(resolve));
    expect([told, troubles]).toEqual([[], []]);
  });
});
