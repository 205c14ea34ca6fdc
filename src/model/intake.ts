import type { Refusal } from '../errors.ts';
import type { Protocol } from './outcome.ts';

/**
 * A place in the buffer for one request message of known length. Whoever asked for it writes
 * `bytes[start … start + length)` and then hands it back by `accept` or `abandon`, exactly once.
 */
export interface Landing {
  /** The segment's bytes: write only inside [start, start + length). */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly length: number;
  /** The segment, for the buffer's own use. */
  readonly segment: number;
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

/**
 * Where receivers hand their requests. Messages are OTLP ExportTraceServiceRequest in protobuf, uncompressed;
 * each lands once in the buffer and is scanned where it lies.
 */
export interface Intake {
  /** A place for `length` bytes, or why not now (buffer full, draining). */
  land(length: number): Landing | Refusal;
  /** Takes the message that now lies at `landing`; nothing of it is taken when a Refusal comes back. */
  accept(landing: Landing, protocol: Protocol): Receipt | Refusal;
  /** Gives the place back unused: the sender went away, or sent something broken. */
  abandon(landing: Landing): void;
}
