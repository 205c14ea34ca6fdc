/**
 * A batch ready to leave: whole traces as one serialized ExportTraceServiceRequest. Immutable, shared by all exporters.
 */
export interface ExportRequest {
  /** Lent until every exporter is done with it: the next batches are written into the same memory. */
  readonly body: Uint8Array;
  readonly spans: number;
  readonly traces: number;
  /** For these, as a set (model/destinations.ts); absent: for all. */
  readonly exporters?: number;
  /** Whose they all are; absent where the boot file allows no tenants. */
  readonly tenant?: string;
}

/** An exporter's books and health. For each exporter: kept + late_kept = exported + queued + failed + elsewhere, in spans. */
export interface ExporterStats {
  exportedSpans: number;
  exportedRequests: number;
  /** Everything offered and neither exported nor failed yet, requests in flight included. */
  queuedSpans: number;
  queuedBytes: number;
  queueLimitBytes: number;
  /** Kept spans that its `when` left to others. */
  elsewhereSpans?: number;
  /** Of what is under way: compressed, or copied for another thread. */
  copiedBytes?: number;
  /** Of the embedded store: of its database that was read or written since the start, at most. */
  storedBytes?: number;
  /** Spans given up, by reason (a closed set: queue_full, rejected, too_large, expired, shutdown, partial, …). */
  failedSpans: Record<string, number>;
  retries: number;
  lastError: string;
  /** Unix milliseconds; 0 = never. */
  lastErrorAt: number;
  lastSuccessAt: number;
  /** Of the embedded store: why nothing can be stored now; empty when it can. */
  failing?: string;
  /** Of the embedded store: how often a damaged database was set aside. */
  setAside?: number;
}

/** Kept spans that will never arrive, and why. */
export interface ExportFailure {
  /** As in `failedSpans`. */
  readonly reason: string;
  readonly spans: number;
  readonly message: string;
  /** Whose spans they were, the first few, where that is known and matters. */
  readonly services: readonly string[];
}

export type OnFailure = (failure: ExportFailure) => void;

/** The far end of the path. One that is slow or broken never holds back another. */
export interface Exporter {
  readonly name: string;
  readonly stats: ExporterStats;
  /** How much of its part of the queue a tenant has taken, see queue-shares.ts. */
  partTaken(tenant: string): number;
  /**
   * Takes the request or counts it as failed (queue_full); never throws, never blocks. Calls `done` once when nothing
   * here will look at the body again; never where that is not sure. Calls `ended` once when all of its spans are
   * counted as exported or failed.
   */
  offer(request: ExportRequest, done?: () => void, ended?: () => void): void;
  /** The gateway ends: from now on there is no long pause between two tries. */
  hurry(): void;
  /**
   * Sends what is queued until done or `deadlineMs` of the monotonic clock; what is left counts as failed (shutdown).
   * Then closes.
   */
  drain(deadlineMs: number): Promise<void>;
}
