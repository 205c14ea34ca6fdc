import type { Transform } from 'node:stream';
import zlib, { type ZlibOptions } from 'node:zlib';
import { Refusal } from '../errors.ts';
import type { Encoding } from './encodings.ts';
import { InflateTurns } from './inflate-turns.ts';
import { unpackedSize } from './unpacked-size.ts';

const minChunkBytes = 16 * 1024;
const maxChunkBytes = 1024 * 1024;
/** Spans shrink five- to tenfold; one chunk that holds it all saves round trips to the thread pool. */
const expectedRatio = 6;
/**
 * Messages up to this length are unpacked at once, in 2 to 3 ms at most; for longer ones the thread pool is worth its
 * round trips.
 */
export const maxBytesAtOnce = 1024 * 1024;

export interface Inflated {
  readonly parts: readonly Uint8Array[];
  readonly length: number;
}

/** Asked before each further piece is kept: how much more, and how much it is by then. */
type Claim = (extraBytes: number, messageBytes: number) => Refusal | undefined;

const turns = new InflateTurns();

/**
 * Unpacks `packed`, a message in one part, or in any number where it is longer than `maxBytesAtOnce`: at once where the message is short, as nearly all are (a stream a message costs 0.4 to 2 µs a
 * span more), else in pieces on the thread pool. `claim` is asked before memory is kept, so that a bomb is refused when
 * it crosses a limit, not after. Never throws: broken data is a Refusal too. Several gzip members in a row are one
 * message.
 */
export async function inflate(
  encoding: Encoding,
  packed: readonly Uint8Array[],
  claim: Claim,
): Promise<Inflated | Refusal> {
  const [compressed] = packed;
  if (packed.length > 1 || compressed.length > maxBytesAtOnce) return inflateInPieces(encoding, packed, claim);
  const expected = unpackedSize(encoding, compressed) ?? compressed.length * expectedRatio;
  if (expected > maxBytesAtOnce) return inflateInPieces(encoding, packed, claim);
  const claimed = claimOnce(claim);
  const refusal = claimed(expected);
  if (refusal !== undefined) return refusal;
  const wait = turns.enter(expected);
  if (wait !== undefined) await wait;
  const message = inflateAtOnce(encoding, compressed, expected);
  // It is not what it said it is: the rest of the turn is for others, and it goes the way of long messages.
  if (message === undefined) return inflateInPieces(encoding, packed, (_, total) => claimed(total));
  if (message instanceof Refusal) return message;
  return claimed(message.length) ?? { parts: [message], length: message.length };
}

/** Claims what goes beyond all that was claimed before. */
function claimOnce(claim: Claim): (total: number) => Refusal | undefined {
  let granted = 0;
  return (total) => {
    const refusal = total > granted ? claim(total - granted, total) : undefined;
    if (refusal === undefined) granted = Math.max(granted, total);
    return refusal;
  };
}

/** Undefined where it becomes longer than what may be done at once. */
function inflateAtOnce(encoding: Encoding, compressed: Uint8Array, expected: number): Uint8Array | Refusal | undefined {
  // With a few bytes left over zlib sees the end without a second buffer.
  const options = { chunkSize: Math.max(expected + 16, 64), maxOutputLength: maxBytesAtOnce };
  try {
    return unpackerOf(encoding, compressed).atOnce(compressed, options);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ERR_BUFFER_TOO_LARGE' ? undefined : broken(encoding, message);
  }
}

function inflateInPieces(encoding: Encoding, packed: readonly Uint8Array[], claim: Claim): Promise<Inflated | Refusal> {
  return new Promise((resolve) => {
    const parts: Uint8Array[] = [];
    let length = 0;
    const packedBytes = packed.reduce((sum, part) => sum + part.length, 0);
    const chunkSize = Math.min(Math.max(packedBytes * expectedRatio, minChunkBytes), maxChunkBytes);
    const unpacker = unpackerOf(encoding, packed[0]).inPieces({ chunkSize });
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
    unpacker.on('error', (error: Error) => resolve(broken(encoding, error.message)));
    for (const part of packed) unpacker.write(part);
    unpacker.end();
  });
}

const broken = (encoding: Encoding, message: string): Refusal =>
  new Refusal('malformed', `broken ${encoding} data: ${message}`);

type Buffers = Pick<ZlibOptions, 'chunkSize' | 'maxOutputLength'>;

interface Unpacker {
  readonly atOnce: (bytes: Uint8Array, options: Buffers) => Uint8Array;
  readonly inPieces: (options: Buffers) => Transform;
}

const gzip: Unpacker = { atOnce: zlib.gunzipSync, inPieces: zlib.createGunzip };
const zstd: Unpacker = { atOnce: zlib.zstdDecompressSync, inPieces: zlib.createZstdDecompress };
const deflate: Unpacker = { atOnce: zlib.inflateSync, inPieces: zlib.createInflate };
const bareDeflate: Unpacker = { atOnce: zlib.inflateRawSync, inPieces: zlib.createInflateRaw };

function unpackerOf(encoding: Encoding, compressed: Uint8Array): Unpacker {
  if (encoding === 'gzip') return gzip;
  if (encoding === 'zstd') return zstd;
  return hasZlibHeader(compressed) ? deflate : bareDeflate;
}

/** "deflate" means the zlib format (RFC 1950), yet some senders leave its two header bytes out. */
function hasZlibHeader(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && (bytes[0] & 0x0f) === 8 && (bytes[0] * 256 + bytes[1]) % 31 === 0;
}
