import type { ExporterStats, ExportRequest, OnFailure } from '../model/export-request.ts';
import type { Result } from './answer.ts';
import type { ExportClock } from './clock.ts';
import { servicesOf } from './services.ts';

/** Every reason a span can fail to arrive; the `reason` label of tailgate_export_failed_spans_total. */
const failureReasons = ['queue_full', 'rejected', 'too_large', 'expired', 'shutdown', 'partial'] as const;
type FailureReason = (typeof failureReasons)[number];

/** Told of all that goes wrong; whoever logs it should limit the rate. */
export interface Reports {
  /** An attempt failed, or a warning came; nothing is lost by it. */
  readonly onError: (message: string) => void;
  readonly onFailure: OnFailure;
}

/** One exporter's books: every span offered is exported, queued or failed, at any moment. */
export class Books {
  readonly stats: ExporterStats;
  readonly #clock: ExportClock;
  readonly #reports: Reports;

  constructor(queueLimitBytes: number, clock: ExportClock, reports: Reports) {
    this.#clock = clock;
    this.#reports = reports;
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

  /** So many bytes more are held as copies, compressed ones. */
  copied(bytes: number): void {
    this.stats.copiedBytes = (this.stats.copiedBytes ?? 0) + bytes;
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
    if (result.kind === 'accepted') this.#accepted(piece, Math.min(result.rejectedSpans, piece.spans), result.message);
    else {
      const reason = result.kind === 'refused' ? 'rejected' : result.kind;
      const isAtFault = reason === 'rejected' || reason === 'too_large';
      this.failed(reason, piece.spans, result.message, isAtFault ? servicesOf(piece.body) : []);
    }
  }

  /** A request that waited has given way to another tenant's. */
  gaveWay({ spans, tenant }: ExportRequest): void {
    this.stats.queuedSpans -= spans;
    this.failed('queue_full', spans, `queue full: tenant ${tenant} has more than its part of it, and others came`);
  }

  /** `services` are those of the spans, where it is about them. */
  failed(reason: FailureReason, spans: number, message: string, services: readonly string[] = []): void {
    this.stats.failedSpans[reason] += spans;
    this.#note(services.length > 0 ? `${message} (${services.join(', ')})` : message);
    this.#reports.onFailure({ reason, spans, services, message });
  }

  retried(message: string): void {
    this.stats.retries++;
    this.error(message);
  }

  error(message: string): void {
    this.#note(message);
    this.#reports.onError(message);
  }

  #note(message: string): void {
    this.stats.lastError = message;
    this.stats.lastErrorAt = this.#clock.unixMs();
  }

  #accepted({ spans, body }: ExportRequest, rejected: number, message: string): void {
    this.stats.exportedRequests++;
    this.stats.exportedSpans += spans - rejected;
    this.stats.lastSuccessAt = this.#clock.unixMs();
    const why = message || 'the server did not say why';
    if (rejected > 0)
      this.failed('partial', rejected, `${rejected} of ${spans} spans rejected: ${why}`, servicesOf(body));
    else if (message) this.error(`accepted with a warning: ${message}`);
  }
}
