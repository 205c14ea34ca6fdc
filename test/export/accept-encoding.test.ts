import { expect, it } from 'vitest';
import { contentCodings, messageEncodings } from '../../src/export/accept-encoding.ts';

it.each([
  ['identity, deflate, gzip', ['gzip']],
  ['gzip,zstd', ['zstd', 'gzip']],
  ['  ZStd ,identity', ['zstd']],
  ['identity', []],
  [', ,identity,', []],
  ['x-gzip, zstd-2', []],
  ['', undefined],
  [' , ', undefined],
])('grpc-accept-encoding "%s": %j', (list, reads) => {
  expect(messageEncodings(list)).toEqual(reads);
});

it.each([
  ['gzip', ['gzip']],
  ['zstd, gzip;q=0.5', ['zstd', 'gzip']],
  ['GZIP ; Q=1.000', ['gzip']],
  ['x-gzip', ['gzip']],
  ['zstd;q=0, gzip', ['gzip']],
  ['zstd;q=0.000 , *', ['gzip']],
  ['gzip;q=0, *;q=0.1', ['zstd']],
  ['identity;q=1, *;q=0', []],
  ['identity', []],
  ['br, deflate', []],
  ['', []],
])('Accept-Encoding "%s": %j', (list, reads) => {
  expect(contentCodings(list)).toEqual(reads);
});
