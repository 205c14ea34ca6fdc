import type { ExportFailure } from '../model/export-request.ts';
import type { Log } from './log.ts';

/** Of the services in one line. */
const maxServices = 5;

interface Cause {
  spans: number;
  message: string;
  readonly services: Set<string>;
}

/**
 * Says in the log what one exporter has failed for good: the first of each cause at once, and what follows it within
 * `intervalMs` in one line at its end, so that the spans of all lines are the spans that failed. The reasons are a
 * closed set of words.
 */
export class FailureLog {
  readonly #log: Pick<Log, 'error'>;
  readonly #exporter: string;
  readonly #after: (run: () => void) => void;
  readonly #since = new Map<string, Cause>();

  /** `after` runs something when the interval is over; the process need not wait for it. */
  constructor(log: Pick<Log, 'error'>, exporter: string, after: (run: () => void) => void) {
    this.#log = log;
    this.#exporter = exporter;
    this.#after = after;
  }

  failed({ reason, spans, message, services }: ExportFailure): void {
    const cause = this.#since.get(reason);
    if (cause === undefined) {
      this.#write(reason, { spans, message, services: new Set(services) });
      this.#hold(reason);
      return;
    }
    cause.spans += spans;
    cause.message = message;
    for (const service of services) if (cause.services.size < maxServices) cause.services.add(service);
  }

  /** Writes what is held back, at the end. */
  flush(): void {
    for (const [reason, cause] of this.#since) if (cause.spans > 0) this.#write(reason, cause);
    this.#since.clear();
  }

  #hold(reason: string): void {
    const cause: Cause = { spans: 0, message: '', services: new Set() };
    this.#since.set(reason, cause);
    this.#after(() => {
      if (this.#since.get(reason) !== cause) return;
      this.#since.delete(reason);
      if (cause.spans === 0) return;
      this.#write(reason, cause);
      this.#hold(reason);
    });
  }

  #write(reason: string, { spans, message, services }: Cause): void {
    const fields = { exporter: this.#exporter, reason, spans, ...(services.size > 0 && { services: [...services] }) };
    this.#log.error('export_failed', fields, message);
  }
}
