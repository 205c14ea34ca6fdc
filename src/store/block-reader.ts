import { crc32 } from 'node:zlib';
import { blockBytes, headerBytes, unpackFrame } from './body-block.ts';
import { BodyReader } from './body-reader.ts';
import type { Reference } from './body-reference.ts';
import type { BodyInBlock } from './trace-table.ts';

/** As many as a batch has, 4 MiB: a search takes traces by their start, and a batch has them in another order. */
const mostRemembered = 32;

interface Block {
  readonly bytes: Uint8Array;
  /** The CRC-32 of its frame. */
  readonly crc: number;
}

type InBlock = Pick<BodyInBlock, 'start' | 'at' | 'bytes'>;

/** Reads what rows and references refer to, and remembers the blocks read last: what is read together mostly lies together. */
export class BlockReader {
  readonly #files = new BodyReader();
  /** By path and start; the one used last is the last. */
  readonly #blocks = new Map<string, Block>();

  /** Undefined where the file does not have it, or not whole. Throws what BodyReader throws. */
  read(path: string, wanted: Reference): Uint8Array | undefined {
    const { start, bytes, crc, at } = wanted;
    const isWhole = (body: Uint8Array | undefined): boolean => body !== undefined && crc32(body) === crc;
    if (at !== undefined) return this.#again(() => this.#inBlock(path, { start, at, bytes }), isWhole);
    const body = this.#files.read(path, start, bytes);
    return isWhole(body) ? body : undefined;
  }

  /** The same of a body of which the block is known. */
  readInBlock(path: string, wanted: BodyInBlock): Uint8Array | undefined {
    return this.#again(
      () => this.#inBlock(path, wanted, wanted.crc),
      (body) => body !== undefined,
    );
  }

  /** Something else may lie in the place of what was read. */
  close(): void {
    this.#files.close();
    this.#blocks.clear();
  }

  /** Another process may have begun anew: then another block has the place of the one remembered. */
  #again(
    read: () => Uint8Array | undefined,
    isWhole: (body: Uint8Array | undefined) => boolean,
  ): Uint8Array | undefined {
    const body = read();
    if (isWhole(body)) return body;
    this.#blocks.clear();
    const again = read();
    return isWhole(again) ? again : undefined;
  }

  /** Of a block whose frame has this CRC-32, where it is given. */
  #inBlock(path: string, { start, at, bytes }: InBlock, crc?: number): Uint8Array | undefined {
    const place = `${path}:${start}`;
    const block = this.#blocks.get(place) ?? this.#unpack(path, start, Math.max(blockBytes, at + bytes));
    if (block === undefined || at + bytes > block.bytes.length) return undefined;
    if (crc !== undefined && block.crc !== crc) return undefined;
    // A large body is a block by itself.
    if (block.bytes.length > blockBytes) return bytes === block.bytes.length ? block.bytes : undefined;
    this.#remember(place, block);
    // A copy: who keeps one body would keep all of the block.
    return block.bytes.slice(at, at + bytes);
  }

  #unpack(path: string, start: number, mostBytes: number): Block | undefined {
    const header = this.#files.read(path, start, headerBytes);
    if (header === undefined) return undefined;
    const frameBytes = Buffer.from(header.buffer).readUInt32BE();
    const frame = this.#files.read(path, start + headerBytes, frameBytes);
    const bytes = frame && unpackFrame(frame, mostBytes);
    return bytes && { bytes, crc: crc32(frame) };
  }

  #remember(place: string, block: Block): void {
    this.#blocks.delete(place);
    this.#blocks.set(place, block);
    if (this.#blocks.size > mostRemembered) this.#blocks.delete(this.#blocks.keys().next().value!);
  }
}
