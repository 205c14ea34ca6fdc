import type { ExportRequest } from '../model/export-request.ts';

/** gRPC status codes (grpc/doc/statuscodes.md) by name; grpc-js has them too, but is not loaded where only HTTP is spoken. */
const Code = {
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

/** What one attempt came to. */
export type Answer =
  /** Taken, all but `rejectedSpans` of it; a message with no rejected spans is a warning. */
  | { readonly kind: 'accepted'; readonly rejectedSpans: number; readonly message: string }
  /** Worth another try, not before `waitMs` (0: the server gave no hint). */
  | { readonly kind: 'retryable'; readonly waitMs: number; readonly message: string }
  /** Worth another try in smaller pieces only. */
  | { readonly kind: 'too_large'; readonly message: string }
  /** Never worth another try. */
  | { readonly kind: 'rejected'; readonly message: string };

/** How it ended, after all tries. */
export type Result =
  | Exclude<Answer, { kind: 'retryable' }>
  | { readonly kind: 'expired' | 'shutdown'; readonly message: string };

/** A request as it goes on the wire: compressed once, whatever the number of tries. */
export interface Payload extends ExportRequest {
  readonly bytes: Uint8Array;
  readonly encoding: 'gzip' | 'none';
}

/** One attempt: always answers, never throws; gives up early when `signal` aborts. */
export type Attempt = (payload: Payload, signal: AbortSignal) => Promise<Answer>;

/** The far end of the chain. */
export interface Client {
  send: Attempt;
  close(): void;
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

/** Judges a gRPC status other than OK. `retryInfoMs` is RetryInfo's delay, null where there was none. */
export function judgeGrpc(code: number, details: string, retryInfoMs: number | null): Answer {
  const message = sentence(codeNames.get(code) ?? `code ${code}`, details);
  if (sizeCodes.has(code) && sizeComplaint.test(details)) return { kind: 'too_large', message };
  const retryable = code === Code.RESOURCE_EXHAUSTED ? retryInfoMs !== null : retryableCodes.has(code);
  return retryable ? { kind: 'retryable', waitMs: retryInfoMs ?? 0, message } : { kind: 'rejected', message };
}

/** Judges an HTTP status other than 2xx. `retryAfterMs` is Retry-After as a wait, 0 where there was none. */
export function judgeHttp(status: number, details: string, retryAfterMs: number): Answer {
  const message = sentence(`HTTP ${status}`, details);
  if (status === 413 || (sizeStatuses.has(status) && sizeComplaint.test(details)))
    return { kind: 'too_large', message };
  return retryableStatuses.has(status)
    ? { kind: 'retryable', waitMs: retryAfterMs, message }
    : { kind: 'rejected', message };
}

const sentence = (code: string, details: string) => (details ? `${code}: ${details}` : code);

/** Retry-After (RFC 9110 §10.2.3) as a wait in milliseconds from `now`: whole seconds or an HTTP date; 0 for neither. */
export function parseRetryAfter(value: string | undefined, now: number): number {
  if (value === undefined) return 0;
  if (/^\s*\d+\s*$/.test(value)) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? 0 : Math.max(0, at - now);
}
