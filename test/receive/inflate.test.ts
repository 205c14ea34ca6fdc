import { deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Refusal } from '../../src/errors.ts';
import type { Encoding } from '../../src/receive/encodings.ts';
import { type Inflated, inflate } from '../../src/receive/inflate.ts';

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
    const { parts, length } = (await inflate(encoding, [packed], anything)) as Inflated;
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
    expect(await inflate(encoding, [packed], anything)).toMatchObject({ reason: 'malformed' });
  });

  it('stops a bomb where its claim is refused', async () => {
    const bomb = gzipSync(Buffer.alloc(256 * 1024 * 1024));
    let claimed = 0;
    const answer = await inflate('gzip', [bomb], (extra, total) => {
      expect(total).toBe(claimed + extra);
      if (total > 3_000_000) return new Refusal('too_large', 'enough');
      claimed += extra;
      return undefined;
    });
    expect(answer).toMatchObject({ reason: 'too_large' });
    expect(claimed).toBeLessThanOrEqual(3_000_000);
  });

  it.each<[Encoding, (bytes: Uint8Array) => Buffer]>([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['zstd', zstdCompressSync],
  ])('unpacks %s of any length, in one piece and in many', async (encoding, pack) => {
    for (const length of [1, 255, 256, 65_791, 65_792, 1_048_575, 1_048_576, 1_048_577, 5_000_000]) {
      const bytes = Buffer.alloc(length, text);
      let claimed = 0;
      const inflated = await inflate(encoding, [pack(bytes)], (extra, total) => {
        claimed += extra;
        expect(total).toBe(claimed);
        return undefined;
      });
      const { parts } = inflated as Inflated;
      expect(Buffer.concat(parts).equals(bytes)).toBe(true);
      // Deflate does not say how long it is: then more may be claimed than there is, never less.
      expect(claimed).toBeGreaterThanOrEqual(length);
      if (encoding !== 'deflate') expect(claimed).toBe(length);
    }
  });

  it.each([0, 100, 0xffff_ffff])('does not believe a gzip message that says it has %d bytes', async (said) => {
    const packed = gzipSync(Buffer.alloc(3_000_000));
    packed.writeUInt32LE(said, packed.length - 4);
    let claimed = 0;
    const answer = await inflate('gzip', [packed], (extra, total) => {
      if (total > 2_000_000) return new Refusal('too_large', 'enough');
      claimed += extra;
      return undefined;
    });
    expect(answer).toMatchObject({ reason: 'too_large' });
    expect(claimed).toBeLessThanOrEqual(2_000_000);
  });

  it('asks before it unpacks', async () => {
    const refusal = new Refusal('inflight_full', 'not now');
    expect(await inflate('gzip', [gzipSync(text)], () => refusal)).toBe(refusal);
  });

  it('lets others have their turn between hundreds of small bombs', async () => {
    const bomb = gzipSync(Buffer.alloc(1_000_000));
    let turns = 0;
    const counting = setInterval(() => turns++, 0);
    const bombs = await Promise.all(Array.from({ length: 200 }, () => inflate('gzip', [bomb], anything)));
    clearInterval(counting);
    expect(bombs.every((inflated) => (inflated as Inflated).length === 1_000_000)).toBe(true);
    expect(turns).toBeGreaterThan(20);
  });
});
