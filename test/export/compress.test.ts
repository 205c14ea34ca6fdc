import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { compress } from '../../src/export/compress.ts';
import { spansOf } from './fakes.ts';
import { unpacked } from './servers.ts';

const bodies: readonly (readonly [what: string, body: Uint8Array])[] = [
  ['nothing', new Uint8Array(0)],
  ['one byte', Uint8Array.of(1)],
  ['a batch', spansOf(8192).body],
  ['noise of a chunk', randomBytes(256 * 1024)],
  ['noise of 3 MiB, which only grows', randomBytes(3 << 20)],
];

describe.each(['zstd', 'gzip'] as const)('a copy in %s', (encoding) => {
  it.each(bodies)('of %s is the same when it is unpacked', async (_, body) => {
    expect(Buffer.compare(unpacked(Buffer.from(await compress(body, encoding)), encoding), body)).toBe(0);
  });

  it.each(bodies)('of %s holds hardly more memory than its length, which is accounted for', async (_, body) => {
    const { length, buffer } = await compress(body, encoding);
    expect(buffer.byteLength).toBeLessThanOrEqual(2 * length);
  });
});
