import { crc32 } from 'node:zlib';
import { blockBytes, headerBytes, unpackFrame } from './body-block.ts';
import { BodyReader } from './body-reader.ts';
import type { Reference } from './body-reference.ts';

/** As many as a batch has, 4 MiB: a search takes traces by their start, and a batch has them in another order. */
const mostRemembered = 32;

/** Reads what references refer to, and remembers the blocks read last: what is read together mostly lies together. */
export class BlockReader {
  readonly #files = new BodyReader();
  /** By path and start; the one used last is the last. */
  readonly #blocks = new Map<string, Uint8Array>();

  /** Undefined where the file does not have it, or not whole. Throws what BodyReader throws. */
  read(path: string, wanted: Reference): Uint8Array | undefined {
    const body = this.#whole(path, wanted);
    if (body !== undefined || wanted.at === undefined) return body;
    // Another process may have begun anew: then another block has the place of the one remembered.
    this.#blocks.clear();
    return this.#whole(path, wanted);
  }

  /** Something else may lie in the place of what was read. */
  close(): void {
    this.#files.close();
    this.#blocks.clear();
  }

  #whole(path: string, { start, bytes, crc, at }: Reference): Uint8Array | undefined {
    const body = at === undefined ? this.#files.read(path, start, bytes) : this.#inBlock(path, start, at, bytes);
    return body !== undefined && crc32(body) === crc ? body : undefined;
  }

  #inBlock(path: string, start: number, at: number, bytes: number): Uint8Array | undefined {
    const place = `${path}:${start}`;
    const block = this.#blocks.get(place) ?? this.#unpack(path, start, Math.max(blockBytes, at + bytes));
    if (block === undefined || at + bytes > block.length) return undefined;
    // A large body is a block by itself.
    if (block.length > blockBytes) return bytes === block.length ? block : undefined;
    this.#remember(place, block);
    // A copy: who keeps one body would keep all of the block.
    return block.slice(at, at + bytes);
  }

  #unpack(path: string, start: number, mostBytes: number): Uint8Array | undefined {
    const header = this.#files.read(path, start, headerBytes);
    if (header === undefined) return undefined;
    const frameBytes = Buffer.from(header.buffer).readUInt32BE();
    const frame = this.#files.read(path, start + headerBytes, frameBytes);
    return frame && unpackFrame(frame, mostBytes);
  }

  #remember(place: string, block: Uint8Array): void {
    this.#blocks.delete(place);
    this.#blocks.set(place, block);
    if (this.#blocks.size > mostRemembered) this.#blocks.delete(this.#blocks.keys().next().value!);
  }
}
