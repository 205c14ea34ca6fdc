import { describe, expect, it } from 'vitest';
import { selfIn } from '../../../src/cluster/members/self.ts';

const own = ['127.0.0.1', '10.0.0.2', 'fd00::2'];
const self = { name: 'gw-1', host: '0.0.0.0', port: 4319 };
const byAddress = (...addresses: string[]) => addresses.map((address) => ({ name: address, address }));

describe('which member a gateway is', () => {
  it('says its name', () => {
    const members = ['gw-0', 'gw-1'].map((name) => ({ name, address: `${name}.obs:4319` }));
    expect(selfIn(members, self, own)).toBe(1);
    expect(selfIn(members, { ...self, name: 'gw-2' }, own)).toBe(-1);
  });

  it('says an address of the machine where the list has no names', () => {
    expect(selfIn(byAddress('10.0.0.1:4319', '10.0.0.2:4319'), self, own)).toBe(1);
    expect(selfIn(byAddress('[fd00:0:0::2]:4319', '[fd00::1]:4319'), self, own)).toBe(0);
    expect(selfIn(byAddress('localhost:4319'), self, own)).toBe(0);
    expect(selfIn(byAddress('127.0.0.1:4319'), self)).toBe(0);
  });

  it('says the address that it listens at, where that is one', () => {
    const all = byAddress('10.0.0.2:4319', '10.0.0.3:4319');
    expect(selfIn(all, { ...self, host: '10.0.0.3' }, own)).toBe(1);
    expect(selfIn(all, { ...self, host: '10.0.0.4' }, own)).toBe(-1);
    expect(selfIn(byAddress('[fd00:0:0::3]:4319'), { ...self, host: 'fd00::3' }, own)).toBe(0);
    expect(selfIn(byAddress('[fe80::3]:4319'), { ...self, host: 'fe80::3%eth0' }, own)).toBe(0);
  });

  it.each(['gw-1.obs.svc', 'localhost', '::', '0:0:0:0:0:0:0:0'])(
    'says any of the machine’s where it listens at %s',
    (host) => {
      expect(selfIn(byAddress('10.0.0.1:4319', '10.0.0.2:4319'), { ...self, host }, own)).toBe(1);
      expect(selfIn(byAddress('[fd00::2]:4319'), { ...self, host }, own)).toBe(0);
    },
  );

  it('is told by the port where several are on one machine', () => {
    expect(selfIn(byAddress('10.0.0.2:4320', '10.0.0.2:4319'), self, own)).toBe(1);
    expect(selfIn(byAddress('10.0.0.2:4320'), self, own)).toBe(-1);
  });

  it('is not the address of one that has another name', () => {
    expect(selfIn([{ name: 'gw-9', address: '10.0.0.2:4319' }], self, own)).toBe(-1);
  });
});
