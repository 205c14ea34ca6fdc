import { closeSync, constants, fstatSync, ftruncateSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { BlockReader } from './block-reader.ts';
import { blockBytes, headerBytes, packBlock } from './body-block.ts';
import { firstPlace, nextPlace, type Place } from './body-place.ts';
import { readReference, referenceBytes, writeReference } from './body-reference.ts';
import { OpenBlock } from './open-block.ts';
import { bodyFile, bodyFiles } from './own-files.ts';
import type { BlockPlace, BodyInBlock } from './trace-table.ts';

/** A file goes as a whole, so it is a small part of the store. */
const mostFileBytes = 32 * 1024 * 1024;
const filesPerStore = 64;

/**
 * The bodies of parts, in compressed blocks one behind the other in files beside the database: written once, where
 * SQLite writes what is new to its log and then to its pages. The rows say what is stored: bytes that no row refers to
 * are none. A file goes when the oldest trace lies in a later one.
 */
export class BodyFiles {
  readonly #database: string;
  readonly #endsOfRows: () => Place[];
  readonly #fileBytes: number;
  /** Bytes of each file, by its number. */
  #sizes = new Map<number, number>();
  readonly #block = new OpenBlock();
  /** A block of one large body that was written and not asked for yet. */
  #alone: BlockPlace | undefined;
  /** Where it belongs. */
  #at: Place = firstPlace;
  /** The end of what rows refer to. */
  #committed: Place = firstPlace;
  #writing = -1;
  readonly #reader = new BlockReader();
  readonly #reference = new Uint8Array(referenceBytes);

  /** `database`: its path. `maxBytes`: of the whole store. `endsOfRows`: of what its rows refer to. */
  constructor(database: string, maxBytes: number, endsOfRows: () => Place[]) {
    this.#database = database;
    this.#endsOfRows = endsOfRows;
    this.#fileBytes = Math.min(mostFileBytes, Math.ceil(maxBytes / filesPerStore));
    this.#look(bodyFiles(database));
  }

  /** To be called first in a transaction: another process that has the store open may have written, or deleted, too. */
  begin(): void {
    const files = bodyFiles(this.#database);
    const { number, at } = this.#at;
    const last = files.find((each) => each.number === number);
    const isAsKnown = (last === undefined ? 0 : statSync(last.path).size) === at && files.length === this.#sizes.size;
    if (!isAsKnown || this.#isDeleted || files.some((each) => each.number > number)) this.#look(files);
  }

  /** Of all files. */
  get bytes(): number {
    let sum = 0;
    for (const size of this.#sizes.values()) sum += size;
    return sum;
  }

  /** Whether the open block is a large body, which nothing else can join. */
  get hasLargeBody(): boolean {
    return this.#alone !== undefined;
  }

  /** Whether this one still belongs to the block that is open; where it does not, that is to be closed first. */
  hasRoom(body: Uint8Array): boolean {
    return this.#alone === undefined && (this.#block.length === 0 || this.#block.hasRoom(body));
  }

  /** Takes a body, for which there must be room, into the open block; where it begins there. Throws what the system says. */
  add(body: Uint8Array): number {
    if (this.#block.length === 0 && this.#at.at >= this.#fileBytes) this.#turn();
    const at = this.#block.length;
    // A larger one is a block by itself.
    if (body.length > blockBytes) this.#alone = this.#write(packBlock(body));
    else this.#block.add(body);
    return at;
  }

  /** The same; the result refers to it, and is lent until the next call. */
  refer(body: Uint8Array): Uint8Array {
    if (this.#block.length === 0 && this.#at.at >= this.#fileBytes) this.#turn();
    const { number, at: start } = this.#at;
    writeReference({ number, start, bytes: body.length, crc: crc32(body), at: this.add(body) }, this.#reference);
    return this.#reference;
  }

  /**
   * Writes the open block; where it is, or undefined where nothing was added. To be called before the rows that say so are
   * committed. Throws what the system says.
   */
  closeBlock(): BlockPlace | undefined {
    const place = this.#block.length > 0 ? this.#write(this.#block.pack()) : this.#alone;
    this.#forgetOpen();
    return place;
  }

  /** What was added has its rows. */
  commit(): void {
    this.#committed = this.#at;
  }

  /** What was added since the last `commit` has none. */
  undo(): void {
    const { number, at } = this.#committed;
    const wasTurned = this.#at.number !== number;
    this.#forgetOpen();
    this.#at = this.#committed;
    this.#reader.close();
    try {
      if (wasTurned) this.#closeWriting();
      for (const later of [...this.#sizes.keys()].filter((each) => each > number)) this.#delete(later);
      if ((this.#sizes.get(number) ?? 0) <= at) return;
      ftruncateSync(this.#descriptor(), at);
      this.#sizes.set(number, at);
    } catch {
      // No row refers to what is left; the next bodies are written behind it.
    }
  }

  /** The body; undefined where it is not, or not whole, what was written: a crash of the machine may have taken it. */
  read(reference: Uint8Array): Uint8Array | undefined {
    const wanted = readReference(reference);
    const { number, start, bytes, at } = wanted;
    const isOpen = at !== undefined && number === this.#at.number && start === this.#at.at;
    if (isOpen && at + bytes <= this.#block.length) return this.#block.bodyAt(at, bytes);
    return this.#reader.read(bodyFile(this.#database, number), wanted);
  }

  /** A copy of what the open block has there. */
  inOpenBlock({ at, bytes }: Pick<BodyInBlock, 'at' | 'bytes'>): Uint8Array {
    return this.#block.bodyAt(at, bytes);
  }

  /** The same of a body in a block that is closed. */
  readInBlock(wanted: BodyInBlock): Uint8Array | undefined {
    return this.#reader.readInBlock(bodyFile(this.#database, wanted.file), wanted);
  }

  /**
   * Whether one of them refers to a body of these bytes. One is read, the first of this length and CRC-32: a sender may
   * choose bodies that are alike in both, and each may lie in a block of its own.
   */
  hasBody(references: readonly Uint8Array[], body: Uint8Array): boolean {
    const crc = crc32(body);
    const alike = references.find((each) => {
      const reference = readReference(each);
      return reference.bytes === body.length && reference.crc === crc;
    });
    const there = alike && this.read(alike);
    return there !== undefined && Buffer.compare(there, body) === 0;
  }

  /** Lets go what is held of what was read: a file, and blocks. */
  forgetRead(): void {
    this.#reader.close();
  }

  /**
   * Deletes the files before this one; all of them where there is no trace any more. In a transaction: another process
   * may be writing to them.
   */
  deleteBefore(file: number | undefined): void {
    const first = file ?? Number.POSITIVE_INFINITY;
    if (file !== undefined && first > this.#at.number) return;
    for (const number of [...this.#sizes.keys()]) if (number < first) this.#delete(number);
    if (this.#at.number >= first || this.#at.at === 0) return;
    this.#closeWriting();
    this.#committed = this.#at = { number: this.#at.number + 1, at: 0 };
  }

  close(): void {
    this.#closeWriting();
    this.#reader.close();
  }

  #look(files: ReturnType<typeof bodyFiles>): void {
    this.#closeWriting();
    const sizes = files.map(({ path, number }) => ({ number, at: statSync(path).size }));
    const last = sizes.reduce<Place | undefined>(
      (one, other) => (one && one.number > other.number ? one : other),
      undefined,
    );
    const place = nextPlace(last, [...this.#endsOfRows(), this.#at]);
    // All or nothing: of what is known and behind `committed`, `undo` takes away the bytes.
    this.#sizes = new Map(sizes.map(({ number, at }) => [number, at]));
    this.#committed = this.#at = place;
  }

  #forgetOpen(): void {
    this.#block.clear();
    this.#alone = undefined;
  }

  #turn(): void {
    this.#closeWriting();
    this.#at = { number: this.#at.number + 1, at: 0 };
  }

  #write(bytes: Uint8Array): BlockPlace {
    const descriptor = this.#descriptor();
    const { number, at } = this.#at;
    try {
      for (let done = 0; done < bytes.length; )
        done += writeSync(descriptor, bytes, done, bytes.length - done, at + done);
    } catch (error) {
      this.#sizes.set(number, statSync(bodyFile(this.#database, number)).size);
      throw asSqliteSays(error as NodeJS.ErrnoException);
    }
    this.#at = { number, at: at + bytes.length };
    this.#sizes.set(number, this.#at.at);
    return { file: number, start: at, crc: crc32(bytes.subarray(headerBytes)) };
  }

  /** Of the file that is written to. */
  #descriptor(): number {
    const path = bodyFile(this.#database, this.#at.number);
    if (this.#writing < 0) this.#writing = openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o600);
    return this.#writing;
  }

  #delete(number: number): void {
    this.#reader.close();
    rmSync(bodyFile(this.#database, number), { force: true });
    this.#sizes.delete(number);
  }

  /** What is written to, by another process: there may be another file of its name. */
  get #isDeleted(): boolean {
    return this.#writing >= 0 && fstatSync(this.#writing).nlink === 0;
  }

  #closeWriting(): void {
    const descriptor = this.#writing;
    this.#writing = -1;
    if (descriptor >= 0) closeSync(descriptor);
  }
}

/** A full disk is told of in the same words, whichever file found it full. */
const asSqliteSays = (error: NodeJS.ErrnoException): Error =>
  error.code === 'ENOSPC' ? new Error('database or disk is full', { cause: error }) : error;
