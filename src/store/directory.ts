import { crc32 } from 'node:zlib';
import { idBytes } from './trace-key.ts';

/**
 * As a directory begins: for each trace id | f64 start | u32 milliseconds until its end | u32 at | u32 bytes | u32 end of its
 * digest | u32 CRC-32 of all that, for the database has none of its own.
 */
export const entryBytes = 44;
export const startAt = 16;
export const durationAt = 24;
export const bodyAt = 28;
export const lengthAt = 32;
export const digestEndAt = 36;
const crcAt = 40;

/** The CRC-32 that an entry must have. */
const crcOf = (entry: Uint8Array): number => crc32(entry.subarray(0, crcAt));

/** Ends an entry, when all else of it is written. */
export function sealEntry(entry: Uint8Array): void {
  new DataView(entry.buffer, entry.byteOffset).setUint32(crcAt, crcOf(entry));
}

/** Where an entry, as its row has it, says that the trace's body is; undefined where the entry is damaged. */
export function bodyIn(entry: Uint8Array): { readonly at: number; readonly bytes: number } | undefined {
  const view = new DataView(entry.buffer, entry.byteOffset);
  return view.getUint32(crcAt) === crcOf(entry)
    ? { at: view.getUint32(bodyAt), bytes: view.getUint32(lengthAt) }
    : undefined;
}

/** What a directory says of a trace. Times are Unix milliseconds. */
export interface Entry {
  readonly number: number;
  readonly traceId: Uint8Array;
  /** 0, as its end, where the trace has a row of its own, which has them. */
  readonly startMs: number;
  readonly endMs: number;
  /** Where its body begins among the bytes of the block. */
  readonly at: number;
  /** Of its body. */
  readonly bytes: number;
  /** Empty there. */
  readonly digest: Uint8Array;
}

/** The entry in this place of the entries that `view` is of; its bytes are theirs. */
export function entryIn(view: DataView, digests: Uint8Array, place: number, number: number): Entry {
  const at = place * entryBytes;
  const digestStart = place === 0 ? 0 : view.getUint32(at - entryBytes + digestEndAt);
  const startMs = view.getFloat64(at + startAt);
  return {
    number,
    traceId: new Uint8Array(view.buffer, view.byteOffset + at, idBytes),
    startMs,
    endMs: startMs + view.getUint32(at + durationAt),
    at: view.getUint32(at + bodyAt),
    bytes: view.getUint32(at + lengthAt),
    digest: digests.subarray(digestStart, view.getUint32(at + digestEndAt)),
  };
}

/** A directory as a row has it. What is damaged in it is read as it is. */
export class Directory {
  readonly #first: number;
  readonly #view: DataView;
  readonly #digests: Uint8Array;
  readonly #traces: number;

  /** `first`: the number of its first trace. */
  constructor(first: number, traces: number, bytes: Uint8Array) {
    this.#first = first;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#traces = Math.min(traces, Math.floor(bytes.length / entryBytes));
    this.#digests = bytes.subarray(this.#traces * entryBytes);
  }

  /** Of the trace of this number; undefined where it has none. */
  entry(number: number): Entry | undefined {
    const place = number - this.#first;
    return place >= 0 && place < this.#traces ? entryIn(this.#view, this.#digests, place, number) : undefined;
  }

  *entries(): Generator<Entry> {
    for (let place = 0; place < this.#traces; place++)
      yield entryIn(this.#view, this.#digests, place, this.#first + place);
  }
}
