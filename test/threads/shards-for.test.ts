import { describe, expect, it } from 'vitest';
import { shardsFor } from '../../src/threads/shards-for.ts';

const config = (shards: number | 'auto', bufferMiB: number) =>
  ({ shards, buffer: { maxBytes: bufferMiB << 20 }, receive: { maxRequestBytes: 64 << 20 } }) as Parameters<
    typeof shardsFor
  >[0];

describe('how many shards', () => {
  it.each([
    ['auto', 512, 2, 2],
    ['auto', 512, 16, 8],
    ['auto', 100, 4, 1],
    ['auto', 1, 4, 1],
    [1, 512, 8, 1],
    [8, 512, 2, 8],
  ] as const)('%s with a buffer of %d MiB on %d cores: %d', (shards, bufferMiB, cores, expected) => {
    expect(shardsFor(config(shards, bufferMiB), cores)).toBe(expected);
  });

  it('refuses more than the buffer can be divided into', () => {
    expect(() => shardsFor(config(9, 512), 16)).toThrow(/shards: 9 .* expected at most 8/);
  });
});
