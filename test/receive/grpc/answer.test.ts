import { expect, it } from 'vitest';
import { Refusal } from '../../../src/errors.ts';
import { frame, percentEncode, refusalMetadata } from '../../../src/receive/grpc/answer.ts';

it.each([
  ['plain, even with ~ and spaces', 'plain, even with ~ and spaces'],
  ['100 % full', '100 %25 full'],
  ['größer\n', 'gr%C3%B6%C3%9Fer%0A'],
  ['🚀', '%F0%9F%9A%80'],
])('grpc-message %j', (message, encoded) => {
  expect(percentEncode(message)).toBe(encoded);
  expect(decodeURIComponent(encoded)).toBe(message);
});

it('frames a message with its length', () => {
  expect(frame(Buffer.alloc(258, 1)).subarray(0, 6)).toEqual(Buffer.from([0, 0, 0, 1, 2, 1]));
});

it('hints at a retry only where one makes sense', () => {
  expect(refusalMetadata(new Refusal('too_large', 'x'))).toEqual({});
  expect(Object.keys(refusalMetadata(new Refusal('inflight_full', 'x')))).toEqual([
    'grpc-status-details-bin',
    'google.rpc.retryinfo-bin',
  ]);
});
