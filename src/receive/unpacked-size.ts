import type { Encoding } from './encodings.ts';

/**
 * How long the message says it is when unpacked, where its format says so. A sender may lie, and of several gzip
 * members only the last one's length is known: it is what to expect, not what will be.
 */
export function unpackedSize(encoding: Encoding, compressed: Uint8Array): number | undefined {
  const view = new DataView(compressed.buffer, compressed.byteOffset, compressed.byteLength);
  if (encoding === 'gzip') return compressed.length < 18 ? undefined : view.getUint32(compressed.length - 4, true);
  return encoding === 'zstd' ? zstdSize(view) : undefined;
}

/** Frame_Content_Size of RFC 8878, 3.1.1.1; sizes above 4 GiB are of no interest. */
function zstdSize(view: DataView): number | undefined {
  if (view.byteLength < 5 || view.getUint32(0, true) !== 0xfd2fb528) return undefined;
  const descriptor = view.getUint8(4);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3];
  const at = 5 + (isSingleSegment ? 0 : 1) + dictionaryBytes;
  const bytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >>> 6];
  if (bytes === 0 || view.byteLength < at + bytes) return undefined;
  if (bytes === 1) return view.getUint8(at);
  if (bytes === 2) return view.getUint16(at, true) + 256;
  const low = view.getUint32(at, true);
  return bytes === 8 ? view.getUint32(at + 4, true) * 2 ** 32 + low : low;
}
