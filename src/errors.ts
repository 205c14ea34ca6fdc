/**
 * Every reason to refuse a request: what the sender is told over each protocol, and whether it may try again.
 * gRPC codes and HTTP statuses: OTLP specification, "Failures" and "OTLP/gRPC Throttling"; reason is the metric label.
 */
export const refusals = {
  malformed: { grpc: 3, http: 400, retryable: false },
  too_large: { grpc: 8, http: 413, retryable: false },
  unsupported_type: { grpc: 3, http: 415, retryable: false },
  unsupported_encoding: { grpc: 12, http: 415, retryable: false },
  wrong_method: { grpc: 12, http: 405, retryable: false },
  not_found: { grpc: 12, http: 404, retryable: false },
  unauthenticated: { grpc: 16, http: 401, retryable: false },
  permission_denied: { grpc: 7, http: 403, retryable: false },
  password_unchecked: { grpc: 14, http: 503, retryable: true },
  // Tempo answers the first two as if they were worth trying again.
  tenant_missing: { grpc: 3, http: 400, retryable: false },
  tenant_malformed: { grpc: 3, http: 400, retryable: false },
  tenant_unknown: { grpc: 7, http: 403, retryable: false },
  tenant_denied: { grpc: 7, http: 403, retryable: false },
  tenant_limited: { grpc: 14, http: 429, retryable: true },
  inflight_full: { grpc: 14, http: 503, retryable: true },
  connection_full: { grpc: 14, http: 503, retryable: true },
  buffer_full: { grpc: 14, http: 503, retryable: true },
  connections_full: { grpc: 14, http: 503, retryable: true },
  tls_failed: { grpc: 14, http: 400, retryable: false },
  tls_timeout: { grpc: 14, http: 408, retryable: false },
  tls_full: { grpc: 14, http: 503, retryable: false },
  tls_flood: { grpc: 14, http: 400, retryable: false },
  plain_on_tls: { grpc: 14, http: 400, retryable: false },
  tls_on_plain: { grpc: 14, http: 400, retryable: false },
  http_on_grpc: { grpc: 3, http: 400, retryable: false },
  grpc_on_http: { grpc: 14, http: 400, retryable: false },
  client_certificate: { grpc: 16, http: 403, retryable: false },
  calls_full: { grpc: 8, http: 429, retryable: false },
  broker_unavailable: { grpc: 14, http: 503, retryable: true },
  broker_behind: { grpc: 14, http: 503, retryable: true },
  overloaded: { grpc: 14, http: 503, retryable: true },
  forward_full: { grpc: 14, http: 503, retryable: true },
  owner_refused: { grpc: 14, http: 503, retryable: true },
  owner_rejected: { grpc: 3, http: 400, retryable: false },
  draining: { grpc: 14, http: 503, retryable: true },
  timeout: { grpc: 4, http: 408, retryable: true },
  internal: { grpc: 13, http: 500, retryable: false },
} as const;
export type RefusalReason = keyof typeof refusals;

/** A request that was not taken. `retryAfterMs` is the hint for a retryable one, 0 otherwise. */
export class Refusal {
  readonly reason: RefusalReason;
  readonly message: string;
  readonly retryAfterMs: number;

  constructor(reason: RefusalReason, message: string, retryAfterMs = refusals[reason].retryable ? 1000 : 0) {
    this.reason = reason;
    this.message = message;
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * Nobody knows whose the request is; `challenge` says how to say it (RFC 9110, 11.6.1). One object refuses any number of
 * requests, so that its answers can be made once: whoever guesses shall cost little.
 */
export class Unauthenticated extends Refusal {
  readonly challenge: string;

  constructor(message: string, challenge: string) {
    super('unauthenticated', message);
    this.challenge = challenge;
  }
}

/** A mistake of whoever starts or configures the program: told in one line, exit code 2, no stack. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** A question of the operator that cannot be answered now; may be asked again. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable';
}
