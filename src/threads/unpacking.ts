import { createZstdDecompress } from 'node:zlib';
import type { Unpack } from '../shard/window-reader.ts';

/**
 * Each piece of what is unpacked waits for its turn on this thread; a piece of this size is memory that the allocator has
 * at hand, and larger than bin/node's mmap threshold it would be fresh pages each time, and given back by this thread.
 */
const pieceBytes = 256 * 1024;

/**
 * Unpacks segments one after the other off this thread, each into the memory of the one before: what is unpacked is lent
 * until the next one is asked for. One for each walk.
 */
export function unpacking(): Unpack {
  let memory = new Uint8Array(0);
  return async (packed, bytes) => {
    if (memory.length < bytes) memory = new Uint8Array(bytes);
    const pieces = createZstdDecompress({ chunkSize: pieceBytes });
    pieces.end(packed);
    let at = 0;
    for await (const piece of pieces as AsyncIterable<Uint8Array>) {
      memory.set(piece, at);
      at += piece.length;
    }
    // Another view each time, since who reads tells segments apart by it.
    return memory.subarray(0, at);
  };
}
