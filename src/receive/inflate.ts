import type { Transform } from 'node:stream';
import zlib from 'node:zlib';
import { Refusal } from '../errors.ts';

export type Encoding = 'gzip' | 'deflate' | 'zstd';

/** What this Node can unpack; zstd came with Node 22.15. */
export const encodings: readonly Encoding[] =
  typeof zlib.createZstdDecompress === 'function' ? ['gzip', 'deflate', 'zstd'] : ['gzip', 'deflate'];

const minChunkBytes = 16 * 1024;
const maxChunkBytes = 1024 * 1024;
/** Spans shrink about fivefold; one chunk that holds it all saves round trips to the thread pool. */
const expectedRatio = 6;

export interface Inflated {
  readonly parts: readonly Uint8Array[];
  readonly length: number;
}

/**
 * Unpacks `compressed` on the thread pool. `claim` is asked before each further piece is kept (how much more, and how
 * much it is by then), so that a bomb is refused when it crosses a limit, not after. Never throws: broken data is a
 * Refusal too. Several gzip members in a row are one message.
 */
export function inflate(
  encoding: Encoding,
  compressed: Uint8Array,
  claim: (extraBytes: number, messageBytes: number) => Refusal | undefined,
): Promise<Inflated | Refusal> {
  return new Promise((resolve) => {
    const parts: Uint8Array[] = [];
    let length = 0;
    const unpacker = createUnpacker(encoding, compressed);
    unpacker.on('data', (part: Uint8Array) => {
      const refusal = claim(part.length, length + part.length);
      if (refusal !== undefined) {
        unpacker.destroy();
        resolve(refusal);
        return;
      }
      parts.push(part);
      length += part.length;
    });
    unpacker.on('end', () => resolve({ parts, length }));
    unpacker.on('error', (error: Error) =>
      resolve(new Refusal('malformed', `broken ${encoding} data: ${error.message}`)),
    );
    unpacker.end(compressed);
  });
}

function createUnpacker(encoding: Encoding, compressed: Uint8Array): Transform {
  const chunkSize = Math.min(Math.max(compressed.length * expectedRatio, minChunkBytes), maxChunkBytes);
  if (encoding === 'gzip') return zlib.createGunzip({ chunkSize });
  if (encoding === 'zstd') return zlib.createZstdDecompress({ chunkSize });
  return hasZlibHeader(compressed) ? zlib.createInflate({ chunkSize }) : zlib.createInflateRaw({ chunkSize });
}

/** "deflate" means the zlib format (RFC 1950), yet some senders leave its two header bytes out. */
function hasZlibHeader(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && (bytes[0] & 0x0f) === 8 && (bytes[0] * 256 + bytes[1]) % 31 === 0;
}
