import { expect, it } from 'vitest';
import { parseTimeout } from '../../../src/receive/grpc/timeout.ts';

it.each([
  ['10S', 10_000],
  ['1H', 3_600_000],
  ['2M', 120_000],
  ['250m', 250],
  ['500u', 0.5],
  ['99999999n', 99.999999],
  ['0S', 0],
])('grpc-timeout %s', (header, ms) => {
  expect(parseTimeout(header)).toBeCloseTo(ms, 6);
});

it.each(['', '10', 'S', '10 S', '123456789S', '-1S', '1.5S', '10s', '10SS'])('%j is not a grpc-timeout', (header) => {
  expect(parseTimeout(header)).toBeNaN();
});
