import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../clock.ts';
import type { Exporter, ExporterStats, ExportRequest, OnFailure } from '../model/export-request.ts';
import { Desk } from './desk.ts';
import type { Outcome, TempoAnswer, TempoRequest, WorkerOptions } from './messages.ts';
import type { StorageStats } from './retain.ts';
import { type Machinery, SteadyThread } from './steady-thread.ts';
import type { TempoReader } from './tempo-api.ts';
import { StoreError, WorkerDied } from './writer-thread.ts';

export interface StoreOptions extends WorkerOptions {
  readonly name: string;
  /** Unix milliseconds; tests turn it by hand. */
  readonly now?: () => number;
  /** Bytes that may wait for the disk. */
  readonly queueBytes?: number;
  /**
   * Told of what went wrong and lost nothing yet, and of every request given up; whoever logs it should limit the rate.
   */
  readonly onError?: (message: string) => void;
  readonly onFailure?: OnFailure;
}

/** The embedded trace store: an exporter that keeps what it gets, and Tempo's read API over it (createTempoApi). */
export interface Store extends Exporter {
  readonly read: TempoReader;
  /** As of the last write or clean-up. */
  readonly storage: StorageStats;
  /** Deletes what is too old or too much. Runs by itself once a minute, and after a write that went over the limit. */
  retain(): Promise<void>;
}

interface Queued {
  readonly request: ExportRequest;
  readonly done: (() => void) | undefined;
}

const retainEveryMs = 60_000;
/** A request during which the worker dies this often is the one that kills it. */
const maxAttempts = 2;

/** Opens the store in `directory`, making it where absent. Rejects with UsageError where it cannot be used. */
export async function createStore(options: StoreOptions, machinery: Partial<Machinery> = {}): Promise<Store> {
  const { directory, retentionMs, maxBytes } = options;
  let store: EmbeddedStore | undefined;
  const onTrouble = (reason: string): void => store?.noteDeath(reason);
  const { thread, storage } = await SteadyThread.start({ directory, retentionMs, maxBytes }, machinery, onTrouble);
  store = new EmbeddedStore(options, thread, storage);
  return store;
}

class EmbeddedStore implements Store {
  readonly name: string;
  readonly stats: ExporterStats;
  readonly read: TempoReader = { answer: (request) => this.#answer(request) };
  storage: StorageStats;
  readonly #thread: SteadyThread;
  readonly #desk = new Desk();
  readonly #now: () => number;
  readonly #onError: (message: string) => void;
  readonly #onFailure: OnFailure;
  readonly #timer: NodeJS.Timeout;
  /** The first is being written, and stays here until its outcome is known. */
  readonly #queue: Queued[] = [];
  #writing: Promise<void> | undefined;
  #retaining: Promise<void> | undefined;
  #closed = false;

  constructor(options: StoreOptions, thread: SteadyThread, storage: StorageStats) {
    this.name = options.name;
    this.stats = emptyStats(options.queueBytes ?? 64 * 1024 * 1024);
    this.storage = storage;
    this.#thread = thread;
    this.#now = options.now ?? systemClock.unixMs;
    this.#onError = options.onError ?? (() => {});
    this.#onFailure = options.onFailure ?? (() => {});
    this.#timer = setInterval(() => void this.retain(), retainEveryMs).unref();
  }

  offer(request: ExportRequest, done?: () => void): void {
    const { stats } = this;
    const isFull = stats.queuedBytes + request.body.length > stats.queueLimitBytes;
    if (this.#closed || isFull) {
      if (this.#closed) this.#fail(request, 'shutdown', 'offered after the store was shut down');
      else this.#fail(request, 'queue_full', `queue full: ${stats.queuedBytes} of ${stats.queueLimitBytes} bytes wait`);
      done?.();
      return;
    }
    stats.queuedBytes += request.body.length;
    stats.queuedSpans += request.spans;
    this.#queue.push({ request, done });
    this.#writing ??= this.#writeAll();
  }

  retain(): Promise<void> {
    this.#retaining ??= this.#retain().finally(() => {
      this.#retaining = undefined;
    });
    return this.#retaining;
  }

  /** It writes at once. */
  hurry(): void {}

  async drain(deadlineMs: number): Promise<void> {
    if (this.#closed) return;
    const enough = new AbortController();
    const deadline = sleep(Math.max(0, deadlineMs - systemClock.monotonicMs()), undefined, {
      signal: enough.signal,
    }).catch(() => {});
    await Promise.race([this.#writing, deadline]);
    this.#closed = true;
    clearInterval(this.#timer);
    while (this.#queue.length > 0)
      this.#fail(this.#unqueue(), 'shutdown', 'the shutdown deadline came before it was written');
    await this.#thread.close(deadline);
    enough.abort();
  }

  /** For the worker's keeper: it died, or could not be started again. */
  noteDeath(reason: string): void {
    this.stats.retries++;
    this.#trouble(new WorkerDied(reason));
  }

  /** One after the other: so a request that kills the worker is known, and no second copy of the queue is made. */
  async #writeAll(): Promise<void> {
    while (this.#queue.length > 0) await this.#write(this.#queue[0].request);
    this.#writing = undefined;
  }

  async #write(request: ExportRequest): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#append(request.body).catch((error: Error) => error);
      if (this.#closed) return;
      if (!(outcome instanceof Error)) return this.#written(outcome.storage!);
      if (outcome instanceof WorkerDied && attempt < maxAttempts) await this.#thread.running();
      else return this.#notWritten(outcome);
    }
  }

  #append(body: Uint8Array): Promise<Outcome> {
    return this.#thread.ask({ type: 'append', body: this.#desk.put(body), now: this.#now() });
  }

  #written(storage: StorageStats): void {
    this.stats.exportedSpans += this.#unqueue().spans;
    this.stats.exportedRequests++;
    this.stats.lastSuccessAt = this.#now();
    this.storage = storage;
    if (storage.overLimit) void this.retain();
  }

  #notWritten(error: Error): void {
    const isMalformed = error instanceof StoreError && error.malformed;
    this.#fail(this.#unqueue(), isMalformed ? 'rejected' : 'write_failed', error.message);
  }

  /** The worker had a copy of the body. */
  #unqueue(): ExportRequest {
    const { request, done } = this.#queue.shift()!;
    this.stats.queuedBytes -= request.body.length;
    this.stats.queuedSpans -= request.spans;
    done?.();
    return request;
  }

  #fail({ spans }: ExportRequest, reason: string, message: string): void {
    const { failedSpans } = this.stats;
    failedSpans[reason] = (failedSpans[reason] ?? 0) + spans;
    this.#note(message);
    this.#onFailure({ reason, spans, message, services: [] });
  }

  #trouble({ message }: Error): void {
    this.#note(message);
    this.#onError(message);
  }

  #note(message: string): void {
    this.stats.lastError = message;
    this.stats.lastErrorAt = this.#now();
  }

  async #retain(): Promise<void> {
    this.#desk.trim();
    try {
      const { storage } = await this.#thread.ask({ type: 'retain', now: this.#now() });
      this.storage = storage!;
    } catch (error) {
      if (!this.#closed) this.#trouble(error as Error);
    }
  }

  async #answer(request: TempoRequest): Promise<TempoAnswer> {
    const { answer } = await this.#thread.ask({ type: 'answer', request });
    return answer!;
  }
}

const emptyStats = (queueLimitBytes: number): ExporterStats => ({
  exportedSpans: 0,
  exportedRequests: 0,
  queuedSpans: 0,
  queuedBytes: 0,
  queueLimitBytes,
  failedSpans: {},
  retries: 0,
  lastError: '',
  lastErrorAt: 0,
  lastSuccessAt: 0,
});
