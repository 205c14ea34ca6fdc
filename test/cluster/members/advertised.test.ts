import { expect, it } from 'vitest';
import { advertisedAt } from '../../../src/cluster/members/advertised.ts';

const machine = [
  { internal: true, address: '127.0.0.1' },
  { internal: false, address: 'fe80::1' },
  { internal: false, address: 'fd00::7' },
  { internal: false, address: '10.0.0.7' },
];
const any = { host: '0.0.0.0', port: 4319 };

it.each([
  ['what the operator says', any, { host: 'gw-0.obs', port: 1 }, machine, { host: 'gw-0.obs', port: 1 }],
  [
    'the port it listens at where none is said',
    any,
    { host: 'gw-0.obs', port: 0 },
    machine,
    { host: 'gw-0.obs', port: 4319 },
  ],
  ['the one address it listens at', { host: '10.1.1.1', port: 5 }, undefined, machine, { host: '10.1.1.1', port: 5 }],
  ['the machine’s first IPv4 address', any, { host: '', port: 0 }, machine, { host: '10.0.0.7', port: 4319 }],
  ['its IPv6 address where there is no other', any, undefined, machine.slice(0, 3), { host: 'fd00::7', port: 4319 }],
  ['itself where it has no network', any, undefined, machine.slice(0, 1), { host: '127.0.0.1', port: 4319 }],
] as const)('a gateway is reached at %s', (_, bound, said, interfaces, at) => {
  expect(advertisedAt(bound, said, [...interfaces])).toEqual(at);
});
