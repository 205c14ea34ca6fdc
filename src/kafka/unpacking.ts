import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { compressionsAlgorithms } from '@platformatic/kafka';

/** Of the least limit; batches of a mebibyte, as brokers have them by default, have some tens of it. */
const leastBytes = 64 * 1024 * 1024;
/** A batch may become so many times what is fetched at once. */
const timesFetched = 16;

/**
 * Bounds what a batch of records may become when it is unpacked: the library asks zlib for all of it, and whoever may
 * write to the topic can make a gibibyte of a mebibyte. Reading fails then, and is told why. Of one thread.
 */
export function boundUnpacking(maxFetchBytes: number): void {
  const maxOutputLength = Math.max(leastBytes, timesFetched * maxFetchBytes);
  const bounded =
    (unpack: (data: Buffer, options: { maxOutputLength: number }) => Buffer) =>
    (data: Buffer | { buffer: Buffer }): Buffer => {
      try {
        return unpack(Buffer.isBuffer(data) ? data : data.buffer, { maxOutputLength });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') throw error;
        throw new Error(
          `a batch of records becomes more than ${maxOutputLength} bytes when it is unpacked (16 × kafka.max_fetch_bytes, at least 64 MiB): delete it from the topic, or have the group go on behind it`,
        );
      }
    };
  Object.assign(compressionsAlgorithms.gzip, { decompressSync: bounded(gunzipSync) });
  Object.assign(compressionsAlgorithms.zstd, { decompressSync: bounded(zstdDecompressSync) });
}
