import { expect, it } from 'vitest';
import { parseRandomness, randomness } from '../../src/wire/tracestate.ts';

const read = (traceState: string) => {
  const bytes = new TextEncoder().encode(`##${traceState}##`);
  return parseRandomness(bytes, 2, bytes.length - 2) ? { ...randomness } : null;
};

it.each([
  'ot=rv:6e6d1a75832a2f',
  'ot=th:8;rv:6e6d1a75832a2f',
  'ot=rv:6e6d1a75832a2f;x:1,vendor=abc',
  'vendor=ot=rv:00,\t ot=rv:6e6d1a75832a2f ,other=1',
  ',,ot=rv:6e6d1a75832a2f',
])('reads rv from %j', (traceState) => {
  expect(read(traceState)).toEqual({ high: 0x6e6d1a, low: 0x75832a2f });
});

it.each([
  '',
  'ot=th:8',
  'ot=rv:6e6d1a75832a2',
  'ot=rv:6e6d1a75832a2f0',
  'ot=rv:6E6D1A75832A2F',
  'ot=rv:6e6d1a75832a2g',
  'not=rv:6e6d1a75832a2f',
  'vendor=rv:6e6d1a75832a2f',
  'ot=xrv:6e6d1a75832a2f',
  'ot=rv',
  'o',
])('finds none in %j', (traceState) => {
  expect(read(traceState)).toBeNull();
});
