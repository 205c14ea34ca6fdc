import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';

/**
 * Bodies are compressed together, up to so many bytes: they have their resources in common. Twice as many would be a
 * tenth smaller, and take half as much again to read one body of (0.07 ms).
 */
export const blockBytes = 128 * 1024;

/** u32, big-endian: how long the frame behind it is. */
export const headerBytes = 4;

/** The fastest level: spans repeat themselves so much that higher ones gain little. */
const params = { [constants.ZSTD_c_compressionLevel]: 1 };
/** Room for a frame of what cannot be compressed (zstd.h, ZSTD_COMPRESSBOUND), so that it comes in one piece. */
const boundOf = (bytes: number): number => bytes + (bytes >>> 8) + 1024;

/** A block as files have it: its header and a zstd frame (RFC 8878) of these bytes. */
export function packBlock(bytes: Uint8Array): Uint8Array {
  const frame = zstdCompressSync(bytes, { params, pledgedSrcSize: bytes.length, chunkSize: boundOf(bytes.length) });
  const block = Buffer.allocUnsafe(headerBytes + frame.length);
  block.writeUInt32BE(frame.length);
  block.set(frame, headerBytes);
  return block;
}

/** What a frame has; undefined where it is none, or has more than `mostBytes`, for which it takes the memory. */
export function unpackFrame(frame: Uint8Array, mostBytes: number): Uint8Array | undefined {
  try {
    const { buffer, byteOffset, length } = zstdDecompressSync(frame, {
      maxOutputLength: mostBytes,
      chunkSize: mostBytes + 1,
    });
    // No Buffer, whose slice() is no copy.
    return new Uint8Array(buffer, byteOffset, length);
  } catch {
    return undefined;
  }
}
