import type { ExportRequest } from '../model/export-request.ts';
import type { Security } from './security.ts';

/** gRPC status codes (grpc/doc/statuscodes.md) by name. */
export const Code = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;
const codeNames = new Map<number, string>(Object.entries(Code).map(([name, code]) => [code, name]));

/** How a request may be encoded, the best first. */
export const encodings = ['zstd', 'gzip', 'none'] as const;
export type Encoding = (typeof encodings)[number];

/** What one attempt came to. */
export type Answer = Outcome & {
  /** What the far end reads beside what is not compressed, where it says so. */
  readonly reads?: readonly Encoding[];
  /** By its code alone it may be that it does not read the encoding: UNIMPLEMENTED has two meanings. */
  readonly mayBeEncoding?: boolean;
};

export type Outcome =
  /** Taken, all but `rejectedSpans` of it; a message with no rejected spans is a warning. */
  | { readonly kind: 'accepted'; readonly rejectedSpans: number; readonly message: string }
  /** Worth another try, not before `waitMs` (0: the server gave no hint). */
  | { readonly kind: 'retryable'; readonly waitMs: number; readonly message: string }
  /** Worth another try in smaller pieces only. */
  | { readonly kind: 'too_large'; readonly message: string }
  /** It could not be read in its encoding, as it seems: worth another try in another one only. */
  | { readonly kind: 'unreadable'; readonly message: string }
  /** Something in it is refused: never worth another try as it is, but a piece of it may be. */
  | { readonly kind: 'refused'; readonly message: string }
  /** The destination takes nothing of the kind: never worth another try, in pieces neither. */
  | { readonly kind: 'rejected'; readonly message: string };

/** How it ended, after all tries. */
export type Result =
  | Exclude<Outcome, { kind: 'retryable' | 'unreadable' }>
  | { readonly kind: 'expired' | 'shutdown'; readonly message: string };

/** A request, or a part of one. */
export interface Piece extends ExportRequest {
  /** When the request was first tried, monotonic: its pieces have no time of their own. */
  readonly sinceMs: number;
}

/** A piece as it goes on the wire: compressed once, whatever the number of tries, and anew where that is not read. */
export interface Payload extends Piece {
  bytes: Uint8Array;
  encoding: Encoding;
}

/** One attempt: always answers, never throws; gives up early when `signal` aborts. */
export type Attempt = (payload: Readonly<Payload>, signal: AbortSignal) => Promise<Answer>;

/** The far end of the chain. */
export interface Client {
  send: Attempt;
  close(): void;
}

/** What a client has beside its settings. */
export interface Surroundings {
  /** The variables that name proxies (src/proxy.ts). */
  readonly env: NodeJS.ProcessEnv;
  /** Where the endpoint is https:. */
  readonly security: Security | null;
}

/** OTLP specification, "Failures" and "OTLP/gRPC Throttling"; RESOURCE_EXHAUSTED is retryable with RetryInfo only. */
const retryableCodes: ReadonlySet<number> = new Set([
  Code.CANCELLED,
  Code.DEADLINE_EXCEEDED,
  Code.ABORTED,
  Code.OUT_OF_RANGE,
  Code.UNAVAILABLE,
  Code.DATA_LOSS,
]);

/**
 * OTLP specification, "Retryable Response Codes", and 408: by RFC 9110 §15.5.9 the server never got the
 * whole request and the client may repeat it.
 */
const retryableStatuses: ReadonlySet<number> = new Set([408, 429, 502, 503, 504]);

/**
 * How servers say that the message as such is too big: grpc-go, grpc-js and C-core ("larger than max"), Java ("exceeds
 * maximum size"), tonic ("message length too large"), Go's http ("body too large"), and Tempo for a batch above its
 * burst ("batch size … exceeds ingestion limit", with a retry hint that would be followed for ever).
 */
const sizeComplaint =
  /larger than|too (?:large|big)|exceeds (?:the )?(?:max|limit|size|ingestion limit)|status code 413/i;

const sizeCodes: ReadonlySet<number> = new Set([Code.RESOURCE_EXHAUSTED, Code.OUT_OF_RANGE, Code.UNKNOWN]);
const sizeStatuses: ReadonlySet<number> = new Set([400, 429]);

/**
 * How servers say that they cannot read a message as it is compressed: gRPC's by UNIMPLEMENTED or INTERNAL
 * (grpc/doc/compression.md), HTTP's by 415 (RFC 9110 §15.5.16) or 400.
 */
const encodingComplaint = /compress|gzip|zlib|zstd|inflat|deflat|content.?encoding|grpc.?encoding/i;

/**
 * What a parser, a validator or a handler answers to one bad span; the others name the destination, not the message.
 */
const refusalCodes: ReadonlySet<number> = new Set([
  Code.UNKNOWN,
  Code.INVALID_ARGUMENT,
  Code.FAILED_PRECONDITION,
  Code.INTERNAL,
]);
const refusalStatuses: ReadonlySet<number> = new Set([400, 422, 500]);

/** The other meaning of UNIMPLEMENTED beside an encoding that is not read, as all servers say it. */
const callComplaint = /method|service|HTTP status/i;

const encodingCodes: ReadonlySet<number> = new Set([...refusalCodes, Code.UNIMPLEMENTED]);

/** Judges a gRPC status other than OK. `retryInfoMs` is RetryInfo's delay, null where there was none. */
export function judgeGrpc(code: number, details: string, retryInfoMs: number | null): Answer {
  const message = sentence(codeNames.get(code) ?? `code ${code}`, details);
  if (sizeCodes.has(code) && sizeComplaint.test(details)) return { kind: 'too_large', message };
  if (encodingCodes.has(code) && encodingComplaint.test(details)) return { kind: 'unreadable', message };
  const retryable = code === Code.RESOURCE_EXHAUSTED ? retryInfoMs !== null : retryableCodes.has(code);
  if (retryable) return { kind: 'retryable', waitMs: retryInfoMs ?? 0, message };
  if (refusalCodes.has(code)) return { kind: 'refused', message };
  const mayBeEncoding = code === Code.UNIMPLEMENTED && !callComplaint.test(details);
  return { kind: 'rejected', message, ...(mayBeEncoding && { mayBeEncoding }) };
}

/** Judges an HTTP status other than 2xx. `retryAfterMs` is Retry-After as a wait, 0 where there was none. */
export function judgeHttp(status: number, details: string, retryAfterMs: number): Answer {
  const message = sentence(`HTTP ${status}`, details);
  if (status === 413 || (sizeStatuses.has(status) && sizeComplaint.test(details)))
    return { kind: 'too_large', message };
  if (status === 415 || (refusalStatuses.has(status) && encodingComplaint.test(details)))
    return { kind: 'unreadable', message };
  if (retryableStatuses.has(status)) return { kind: 'retryable', waitMs: retryAfterMs, message };
  return { kind: refusalStatuses.has(status) ? 'refused' : 'rejected', message };
}

const sentence = (code: string, details: string) => (details ? `${code}: ${details}` : code);

/**
 * Retry-After (RFC 9110 §10.2.3) as a wait in milliseconds from `now`: whole seconds or an HTTP date; 0 for neither.
 */
export function parseRetryAfter(value: string | undefined, now: number): number {
  if (value === undefined) return 0;
  if (/^\s*\d+\s*$/.test(value)) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? 0 : Math.max(0, at - now);
}

/**
 * An error in words: Node and undici hide the reasons of a failed connection one level down, several for several
 * addresses.
 */
export function describe(error: unknown): string {
  const { message, cause, errors } = error as { message?: string; cause?: unknown; errors?: unknown[] };
  if (errors?.length) return errors.map(describe).join('; ');
  return message || (cause ? describe(cause) : String(error));
}
