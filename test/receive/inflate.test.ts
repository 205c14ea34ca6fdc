import { deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Refusal } from '../../src/errors.ts';
import { type Encoding, type Inflated, inflate } from '../../src/receive/inflate.ts';

const text = Buffer.from('spans and more spans '.repeat(20_000));
const anything = (): undefined => undefined;

describe('inflate', () => {
  it.each<[Encoding, Buffer]>([
    ['gzip', gzipSync(text)],
    ['gzip', Buffer.concat([gzipSync(text.subarray(0, 5)), gzipSync(text.subarray(5))])],
    ['deflate', deflateSync(text)],
    ['deflate', deflateRawSync(text)],
    ['zstd', zstdCompressSync(text)],
  ])('unpacks %s', async (encoding, packed) => {
    const { parts, length } = (await inflate(encoding, packed, anything)) as Inflated;
    expect(length).toBe(text.length);
    expect(Buffer.concat(parts).equals(text)).toBe(true);
  });

  it.each<[Encoding, Buffer]>([
    ['gzip', gzipSync(text).subarray(0, 100)],
    ['deflate', deflateSync(text).subarray(0, 100)],
    ['zstd', zstdCompressSync(text).subarray(0, 10)],
    ['gzip', Buffer.from('not gzip')],
    ['gzip', Buffer.alloc(0)],
    ['deflate', Buffer.alloc(0)],
    ['zstd', Buffer.alloc(0)],
  ])('refuses broken or cut %s', async (encoding, packed) => {
    expect(await inflate(encoding, packed, anything)).toMatchObject({ reason: 'malformed' });
  });

  it('stops a bomb where its claim is refused', async () => {
    const bomb = gzipSync(Buffer.alloc(256 * 1024 * 1024));
    let claimed = 0;
    const answer = await inflate('gzip', bomb, (extra, total) => {
      expect(total).toBe(claimed + extra);
      if (total > 3_000_000) return new Refusal('too_large', 'enough');
      claimed += extra;
      return undefined;
    });
    expect(answer).toMatchObject({ reason: 'too_large' });
    expect(claimed).toBeLessThanOrEqual(3_000_000);
  });
});
