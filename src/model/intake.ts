import type { Refusal } from '../errors.ts';
import type { Source } from './outcome.ts';

/** The bytes of one request message that has come whole, wherever they lie. */
export interface Message {
  readonly length: number;
  /** All of it, where it lies in one piece: to be read until whoever was handed the message returns. */
  readonly whole?: Uint8Array | undefined;
  /** Writes all of it to to[at … at + length). */
  copyTo(to: Uint8Array, at: number): void;
}

/**
 * What became of a request that was taken: how many spans came, how many of them are not valid OTLP and were not taken.
 */
export interface Receipt {
  readonly spans: number;
  readonly rejectedSpans: number;
  /** Why spans were rejected, in English; empty when none was. */
  readonly message: string;
}

/** What became of a request; a promise where only others can say it, such as a broker that must have it first. */
export type Answer = Receipt | Refusal | Promise<Receipt | Refusal>;

/**
 * Where receivers hand their requests. Messages are OTLP ExportTraceServiceRequest in protobuf, uncompressed;
 * each is written once to the buffer and scanned where it lies there. What has not come whole has no place in it.
 */
export interface Intake {
  /** Whose spans it takes; empty or absent = there is one tenant. */
  readonly tenant?: string;
  /** Why no request may come in at present, though it would fit; empty or absent = it may. */
  readonly overload?: string;
  /** Why a message of `length` bytes would not be taken now, so that it need not come; nothing is reserved for it. */
  refuses(length: number): Refusal | undefined;
  /** So many bytes of a request have come, unpacked, whatever becomes of them; given back where it is negative. */
  charge?(bytes: number): void;
  /**
   * Takes the message, of which nothing is kept but the copy that is made before this returns; nothing of it is taken
   * when a Refusal comes back.
   */
  accept(message: Message, source: Source): Answer;
  /**
   * The same for a large message, in steps of some tenths of a millisecond. All of it is taken or none; nobody waits for
   * the answer any more when `isGone` says so, and what is not decided by then is that none is.
   */
  acceptInSteps(message: Message, source: Source, isGone: () => boolean): Generator<undefined, Answer>;
}
