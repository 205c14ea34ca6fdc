import { promisify } from 'node:util';
import { constants, gzip, zstdCompress } from 'node:zlib';
import { lowerPoolPriority } from '../low-priority.ts';
import type { Encoding } from './answer.ts';

const gzipAsync = promisify(gzip);
const zstdAsync = promisify(zstdCompress);

/** Each output chunk is a round trip between zlib's thread and the main loop, so the chunks are large. */
const chunkSize = 256 * 1024;

/**
 * Level 1 takes about a third of the default level's time (2.1 against 5.9 µs a span of 477 bytes), which counts for
 * more than the size. The largest hash table (memLevel) takes a tenth less time for the same bytes.
 */
const gzipOptions = { level: 1, memLevel: 9, chunkSize };

/**
 * Of recorded traffic, level -5 takes a seventh less time and makes half as many bytes again; 3 a tenth fewer, in a
 * seventh to a third more (docs/decisions/0008-grpc-client.md).
 */
const zstdOptions = { params: { [constants.ZSTD_c_compressionLevel]: 1 }, chunkSize };

/** Zlib's threads exist from the first request on; from then on they give way to the path. */
let isPoolLowered = false;

/** A compressed copy of `body`, made on zlib's threads. */
export async function compress(body: Uint8Array, encoding: Exclude<Encoding, 'none'>): Promise<Uint8Array> {
  const bytes =
    encoding === 'zstd'
      ? await zstdAsync(body, { ...zstdOptions, pledgedSrcSize: body.length })
      : await gzipAsync(body, gzipOptions);
  if (!isPoolLowered) lowerPoolPriority();
  isPoolLowered = true;
  return fitting(bytes);
}

/** What fills no chunk would hold one, unaccounted for, as long as it is tried. */
const fitting = (bytes: Uint8Array): Uint8Array =>
  bytes.buffer.byteLength > 2 * bytes.length ? new Uint8Array(bytes) : bytes;
