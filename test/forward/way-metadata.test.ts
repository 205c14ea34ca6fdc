import { expect, it } from 'vitest';
import { metadataOf, wayIn } from '../../src/forward/way-metadata.ts';

it.each([
  { visited: ['a'], at: { generation: 0, epoch: '0a1b2c3d', isLast: true } },
  { visited: ['gw-0', 'host:4319', 'ü,%'], at: { generation: 2 ** 48, epoch: 'ffffffff', isLast: false } },
  { visited: ['a', 'b'], at: undefined },
])('a way comes back as it was: $visited', (way) => {
  expect(wayIn(metadataOf(way, 'team'))).toEqual(way);
});

it.each([
  ['no names', {}],
  ['an empty path', { 'tailgate-path': '' }],
  ['more members than ways have', { 'tailgate-path': 'a,b,c,d,e,f,g,h,i' }],
  ['a name that is not encoded', { 'tailgate-path': '%' }],
  ['no generation', { 'tailgate-path': 'a', 'tailgate-at': '.0a1b2c3d' }],
  ['a generation beyond numbers', { 'tailgate-path': 'a', 'tailgate-at': `${10n ** 15n}.0a1b2c3d` }],
  ['an epoch of other digits', { 'tailgate-path': 'a', 'tailgate-at': '1.0A1B2C3D' }],
  ['more than that', { 'tailgate-path': 'a', 'tailgate-at': '1.0a1b2c3d.last.' }],
])('%s: nonsense', (_, headers) => {
  expect(wayIn(headers)).toBeUndefined();
});
