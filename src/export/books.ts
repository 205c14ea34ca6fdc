import type { ExporterStats, ExportRequest } from '../model/export-request.ts';
import type { Result } from './answer.ts';
import type { ExportClock } from './clock.ts';

/** Every reason a span can fail to arrive; the `reason` label of tailgate_export_failed_spans_total. */
const failureReasons = ['queue_full', 'rejected', 'too_large', 'expired', 'shutdown', 'partial'] as const;
type FailureReason = (typeof failureReasons)[number];

/** Told of every failed attempt and of every request given up; whoever logs it should limit the rate. */
export type OnError = (message: string) => void;

/** One exporter's books: every span offered is exported, queued or failed, at any moment. */
export class Books {
  readonly stats: ExporterStats;
  readonly #clock: ExportClock;
  readonly #onError: OnError;

  constructor(queueLimitBytes: number, clock: ExportClock, onError: OnError) {
    this.#clock = clock;
    this.#onError = onError;
    this.stats = {
      exportedSpans: 0,
      exportedRequests: 0,
      queuedSpans: 0,
      queuedBytes: 0,
      queueLimitBytes,
      failedSpans: Object.fromEntries(failureReasons.map((reason) => [reason, 0])),
      retries: 0,
      lastError: '',
      lastErrorAt: 0,
      lastSuccessAt: 0,
    };
  }

  enqueued(request: ExportRequest): void {
    this.stats.queuedSpans += request.spans;
    this.stats.queuedBytes += request.body.length;
  }

  /** The request's bytes may go; its spans were settled in one piece or several. */
  released(request: ExportRequest): void {
    this.stats.queuedBytes -= request.body.length;
  }

  /** Books the end of a queued request, or of a piece of one. */
  settled(piece: ExportRequest, result: Result): void {
    this.stats.queuedSpans -= piece.spans;
    if (result.kind === 'accepted')
      this.#accepted(piece.spans, Math.min(result.rejectedSpans, piece.spans), result.message);
    else this.failed(result.kind, piece.spans, result.message);
  }

  failed(reason: FailureReason, spans: number, message: string): void {
    this.stats.failedSpans[reason] += spans;
    this.error(message);
  }

  retried(message: string): void {
    this.stats.retries++;
    this.error(message);
  }

  error(message: string): void {
    this.stats.lastError = message;
    this.stats.lastErrorAt = this.#clock.unixMs();
    this.#onError(message);
  }

  #accepted(spans: number, rejected: number, message: string): void {
    this.stats.exportedRequests++;
    this.stats.exportedSpans += spans - rejected;
    this.stats.lastSuccessAt = this.#clock.unixMs();
    if (rejected > 0)
      this.failed(
        'partial',
        rejected,
        `${rejected} of ${spans} spans rejected: ${message || 'the server did not say why'}`,
      );
    else if (message) this.error(`accepted with a warning: ${message}`);
  }
}
