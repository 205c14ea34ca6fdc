import { Writer } from '../wire/writer.ts';
import type { Part } from './cut.ts';
import {
  bodyAt,
  digestEndAt,
  durationAt,
  type Entry,
  entryBytes,
  entryIn,
  lengthAt,
  sealEntry,
  startAt,
} from './directory.ts';
import { idBytes } from './trace-key.ts';

/** Of one block: so that deleting one, or reading its directory, is a short step. */
export const mostTraces = 256;
/** From the first moment of a block's traces to the last: a search that goes by their starts has few blocks open. */
export const mostSpreadMs = 64_000;
/** Of a digest that is read with its block; usual ones have some hundred bytes. */
export const mostListedDigestBytes = 1024;

/** Later than whatever a trace begins at. */
const never = Number.MAX_SAFE_INTEGER;

/** Where a trace's first part lies in the open block. */
export interface PlaceInOpen {
  readonly number: number;
  readonly traceId: Uint8Array;
  readonly at: number;
}

/**
 * The directory of the block that is being gathered: what its row will say of its traces, which have one number after
 * the other. Its digests follow its entries.
 */
export class OpenDirectory {
  readonly #entries = new Uint8Array(mostTraces * entryBytes);
  readonly #view = new DataView(this.#entries.buffer);
  readonly #digests = new Writer(32 * 1024);
  /** The number of its first trace. */
  first = 0;
  traces = 0;
  /** The first and the last start of the traces that are listed with their digests, and their last end. */
  oldestMs = never;
  newestMs = 0;
  endMs = 0;

  get isFull(): boolean {
    return this.traces === mostTraces;
  }

  has(number: number): boolean {
    return number >= this.first && number < this.first + this.traces;
  }

  /** The id of a trace that it has; lent. */
  traceId(number: number): Uint8Array {
    const at = (number - this.first) * entryBytes;
    return this.#entries.subarray(at, at + idBytes);
  }

  /** Lent, as its id. */
  entry(number: number): Entry {
    return entryIn(this.#view, this.#digests.view(), number - this.first, number);
  }

  /** There must be room. False where the trace needs a row of its own for its times and digest. */
  add({ number, traceId, at }: PlaceInOpen, { body, digest, startMs, endMs }: Part): boolean {
    if (this.traces === 0) this.first = number;
    const isListed = this.#lists(digest, startMs, endMs);
    const entry = this.traces++ * entryBytes;
    this.#entries.set(traceId, entry);
    this.#view.setFloat64(entry + startAt, isListed ? startMs : 0);
    this.#view.setUint32(entry + durationAt, isListed ? endMs - startMs : 0);
    this.#view.setUint32(entry + bodyAt, at);
    this.#view.setUint32(entry + lengthAt, body.length);
    if (isListed) this.#list(digest, startMs, endMs);
    this.#view.setUint32(entry + digestEndAt, this.#digests.pos);
    sealEntry(this.#entries.subarray(entry, entry + entryBytes));
    return isListed;
  }

  /** A copy, as its row has it. */
  finish(): Uint8Array {
    const length = this.traces * entryBytes;
    const digests = this.#digests.view();
    const bytes = new Uint8Array(length + digests.length);
    bytes.set(this.#entries.subarray(0, length));
    bytes.set(digests, length);
    return bytes;
  }

  clear(): void {
    this.#digests.reset();
    this.oldestMs = never;
    this.traces = this.newestMs = this.endMs = 0;
  }

  #lists({ length }: Uint8Array, startMs: number, endMs: number): boolean {
    const spreadMs = Math.max(endMs, this.endMs) - Math.min(startMs, this.oldestMs);
    return length <= mostListedDigestBytes && startMs > 0 && startMs <= endMs && spreadMs <= mostSpreadMs;
  }

  #list(digest: Uint8Array, startMs: number, endMs: number): void {
    this.oldestMs = Math.min(startMs, this.oldestMs);
    this.newestMs = Math.max(startMs, this.newestMs);
    this.endMs = Math.max(endMs, this.endMs);
    this.#digests.raw(digest);
  }
}
