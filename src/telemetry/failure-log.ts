import type { ExportFailure } from '../model/export-request.ts';
import type { Log } from './log.ts';
import { SumsByCause } from './sums-by-cause.ts';

/** Of the services in one line. */
const maxServices = 5;

interface Failed {
  readonly reason: string;
  spans: number;
  message: string;
  readonly services: Set<string>;
}

/** Says in the log what one exporter has failed for good: the spans of all lines are the spans that failed. */
export class FailureLog {
  readonly #sums: SumsByCause<ExportFailure, Failed>;

  /** `after` runs something when the interval is over; the process need not wait for it. */
  constructor(log: Pick<Log, 'error'>, exporter: string, after: (run: () => void) => void) {
    this.#sums = new SumsByCause({ begin, add, tell: (failed) => write(log, exporter, failed), after });
  }

  failed(failure: ExportFailure): void {
    this.#sums.put(failure.reason, failure);
  }

  /** Writes what is held back, at the end. */
  flush(): void {
    this.#sums.flush();
  }
}

const begin = ({ reason, spans, message, services }: ExportFailure): Failed => ({
  reason,
  spans,
  message,
  services: new Set(services.slice(0, maxServices)),
});

function add(failed: Failed, { spans, message, services }: ExportFailure): void {
  failed.spans += spans;
  failed.message = message;
  for (const service of services) if (failed.services.size < maxServices) failed.services.add(service);
}

function write(log: Pick<Log, 'error'>, exporter: string, { reason, spans, message, services }: Failed): void {
  const named = services.size > 0 && { services: [...services] };
  log.error('export_failed', { exporter, reason, spans, ...named }, message);
}
