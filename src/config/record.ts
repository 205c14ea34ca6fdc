import type { Clock } from '../clock.ts';
import type { RulesStatus } from '../model/stats.ts';

export type Origin = 'file' | 'consul' | 'last-good';

export type Log = (level: 'info' | 'warn' | 'error', message: string, fields: Record<string, unknown>) => void;

/** What was loaded, refused and missed: counted for the metrics, told in the log, once each time it begins and ends. */
export class LoadRecord {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #loads = { accepted: 0, refused: 0 };
  readonly #refused = new Map<Origin, string>();
  readonly #silent = new Set<string>();
  #lastRefusal: { at: number; error: string } | null = null;
  #sourceFailures = 0;
  #sourceError = '';
  #sourceIndex = 0;
  /** By the monotonic clock; at first, when the record was begun. */
  #answeredAt: number;

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
    this.#answeredAt = clock.monotonicMs();
  }

  accepted(origin: Origin, fields: Record<string, unknown>): void {
    this.#loads.accepted++;
    this.#refused.delete(origin);
    this.#log('info', 'rules in force', fields);
  }

  /** What is in force was said once more: after a refusal, that is the way back. */
  repeated(origin: Origin, fields: Record<string, unknown>): void {
    if (this.#refused.has(origin)) this.accepted(origin, fields);
  }

  refused(origin: Origin, errors: readonly string[], revision: string): void {
    const error = errors.join('\n');
    this.#loads.refused++;
    this.#refused.set(origin, error);
    this.#lastRefusal = { at: this.#clock.unixMs(), error };
    if (!revision && origin === 'file') return; // a start that fails says it itself
    const message = revision ? 'rules refused, the last good revision stays in force' : 'rules refused';
    this.#log('error', message, { errors, ...(revision && { revision }) });
  }

  /** The errors of the origin's last word, where that was refused. */
  refusalOf(origin: Origin): string | undefined {
    return this.#refused.get(origin);
  }

  /** Up to `index`, where the source counts its changes. */
  answered(source: string, counts: boolean, index = 0): void {
    if (counts) {
      this.#sourceIndex = index;
      this.#answeredAt = this.#clock.monotonicMs();
      this.#sourceError = '';
    }
    if (this.#silent.delete(source)) this.#log('info', 'the rules source answers again', { source });
  }

  failed(source: string, error: Error, counts: boolean): void {
    this.#sourceFailures++;
    if (counts) this.#sourceError = error.message;
    if (this.#silent.has(source)) return;
    this.#silent.add(source);
    const message = 'the rules source does not answer: trying on, what is in force stays';
    this.#log('warn', message, { source, error: error.message });
  }

  info(message: string, fields: Record<string, unknown>): void {
    this.#log('info', message, fields);
  }

  warn(message: string, fields: Record<string, unknown>): void {
    this.#log('warn', message, fields);
  }

  status(): Pick<
    RulesStatus,
    | 'lastRefusal'
    | 'lastLoadSucceeded'
    | 'loads'
    | 'sourceFailures'
    | 'sourceError'
    | 'sourceIndex'
    | 'sourceAgeSeconds'
  > {
    return {
      lastRefusal: this.#lastRefusal,
      lastLoadSucceeded: !this.#refused.has('file') && !this.#refused.has('consul'),
      loads: { ...this.#loads },
      sourceFailures: this.#sourceFailures,
      sourceError: this.#sourceError,
      sourceIndex: this.#sourceIndex,
      sourceAgeSeconds: (this.#clock.monotonicMs() - this.#answeredAt) / 1e3,
    };
  }
}
