import { setTimeout as sleep } from 'node:timers/promises';
import type { Exporter, ExporterStats, ExportRequest } from '../../model/export-request.ts';
import type { Outcome, TempoAnswer, TempoRequest, WorkerOptions } from './messages.ts';
import type { StorageStats } from './retain.ts';
import type { TempoReader } from './tempo-api.ts';
import { StoreError, WorkerDied, WriterThread } from './writer-thread.ts';

export interface StoreOptions extends WorkerOptions {
  readonly name: string;
  /** Unix milliseconds; tests turn it by hand. */
  readonly now?: () => number;
  /** Bytes that may wait for the disk. */
  readonly queueBytes?: number;
}

/** The embedded trace store: an exporter that keeps what it gets, and Tempo's read API over it (createTempoApi). */
export interface Store extends Exporter {
  readonly read: TempoReader;
  /** As of the last write or clean-up. */
  readonly storage: StorageStats;
  /** Deletes what is too old or too much. Runs by itself once a minute and after writes that went over the limit. */
  retain(): Promise<void>;
}

const retainEveryMs = 60_000;
const restartAfterMs = 1_000;
/** A request during which the worker dies this often is the one that kills it. */
const maxAttempts = 2;

/** Opens the store in `directory`, making it where absent. Rejects with UsageError where it cannot be used. */
export async function createStore(options: StoreOptions): Promise<Store> {
  const { directory, retentionMs, maxBytes } = options;
  const worker = { directory, retentionMs, maxBytes };
  const { thread, outcome } = await WriterThread.start(worker);
  return new EmbeddedStore(options, worker, thread, outcome);
}

class EmbeddedStore implements Store {
  readonly name: string;
  readonly stats: ExporterStats;
  readonly read: TempoReader = { answer: (request) => this.#answer(request) };
  storage: StorageStats;
  readonly #worker: WorkerOptions;
  readonly #now: () => number;
  readonly #timer: NodeJS.Timeout;
  #thread: WriterThread;
  #restarting: Promise<void> | undefined;
  #idle: (() => void) | undefined;
  #retaining = false;
  #closed = false;

  constructor(options: StoreOptions, worker: WorkerOptions, thread: WriterThread, { storage }: Outcome) {
    this.name = options.name;
    this.stats = emptyStats(options.queueBytes ?? 64 * 1024 * 1024);
    this.storage = storage!;
    this.#worker = worker;
    this.#now = options.now ?? Date.now;
    this.#thread = this.#watched(thread);
    this.#timer = setInterval(() => void this.retain(), retainEveryMs).unref();
  }

  offer(request: ExportRequest): void {
    const { stats } = this;
    const isFull = stats.queuedBytes + request.body.length > stats.queueLimitBytes;
    if (this.#closed || isFull) {
      this.#fail(request, this.#closed ? 'shutdown' : 'queue_full');
      return;
    }
    stats.queuedBytes += request.body.length;
    stats.queuedSpans += request.spans;
    void this.#write(request);
  }

  async retain(): Promise<void> {
    if (this.#retaining || this.#closed) return;
    this.#retaining = true;
    try {
      const { storage } = await this.#thread.ask({ type: 'retain', now: this.#now() });
      this.storage = storage!;
    } catch (error) {
      this.#note(error as Error);
    } finally {
      this.#retaining = false;
    }
  }

  async drain(deadlineMs: number): Promise<void> {
    if (this.#closed) return;
    const idle = new Promise<void>((resolve) => (this.#idle = resolve));
    if (this.stats.queuedSpans > 0 || this.stats.queuedBytes > 0) await this.#before(deadlineMs, idle);
    this.#closed = true;
    clearInterval(this.#timer);
    const { stats } = this;
    if (stats.queuedSpans > 0) count(stats.failedSpans, 'shutdown', stats.queuedSpans);
    stats.queuedSpans = 0;
    stats.queuedBytes = 0;
    const closed = this.#thread.ask({ type: 'close' }).then(
      () => this.#thread.ended,
      () => undefined,
    );
    await this.#before(deadlineMs, closed);
    await this.#thread.kill();
  }

  async #before(deadlineMs: number, done: Promise<unknown>): Promise<void> {
    const enough = new AbortController();
    const late = sleep(Math.max(0, deadlineMs - Date.now()), undefined, { signal: enough.signal }).catch(
      () => undefined,
    );
    await Promise.race([done, late]);
    enough.abort();
  }

  async #write(request: ExportRequest): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return this.#written(request, await this.#append(request.body));
      } catch (error) {
        if (this.#closed) return;
        this.#note(error as Error);
        if (error instanceof WorkerDied && attempt < maxAttempts) await this.#running();
        else return this.#notWritten(request, error as Error);
      }
    }
  }

  /** A copy of its own goes over to the worker: the request is shared with other exporters. */
  #append(body: Uint8Array): Promise<Outcome> {
    const copy = new Uint8Array(body);
    return this.#thread.ask({ type: 'append', body: copy, now: this.#now() }, [copy.buffer]);
  }

  #written(request: ExportRequest, { storage }: Outcome): void {
    if (this.#closed) return;
    this.#unqueue(request);
    this.stats.exportedSpans += request.spans;
    this.stats.exportedRequests++;
    this.stats.lastSuccessAt = this.#now();
    this.storage = storage!;
    if (storage!.overLimit) void this.retain();
  }

  #notWritten(request: ExportRequest, error: Error): void {
    this.#unqueue(request);
    this.#fail(request, error instanceof StoreError && error.malformed ? 'rejected' : 'write_failed');
  }

  #unqueue(request: ExportRequest): void {
    this.stats.queuedBytes -= request.body.length;
    this.stats.queuedSpans -= request.spans;
    if (this.stats.queuedBytes === 0) this.#idle?.();
  }

  #fail(request: ExportRequest, reason: string): void {
    count(this.stats.failedSpans, reason, request.spans);
  }

  #note(error: Error): void {
    this.stats.lastError = error.message;
    this.stats.lastErrorAt = this.#now();
  }

  async #answer(request: TempoRequest): Promise<TempoAnswer> {
    if (this.#closed) throw new StoreError('it is closed');
    const { answer } = await this.#thread.ask({ type: 'answer', request });
    return answer!;
  }

  /** Resolves when a worker runs again, which may be the case already. */
  async #running(): Promise<void> {
    await this.#thread.ended;
    await this.#restarting;
  }

  #watched(thread: WriterThread): WriterThread {
    void thread.ended.then((reason) => {
      if (this.#closed) return;
      this.#note(new WorkerDied(reason));
      this.stats.retries++;
      this.#restarting = this.#restart();
    });
    return thread;
  }

  async #restart(): Promise<void> {
    while (!this.#closed) {
      await sleep(restartAfterMs, undefined, { ref: false });
      try {
        const { thread } = await WriterThread.start(this.#worker);
        if (this.#closed) return await thread.kill();
        this.#thread = this.#watched(thread);
        return;
      } catch (error) {
        this.#note(error as Error);
      }
    }
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

const count = (table: Record<string, number>, reason: string, spans: number): void => {
  table[reason] = (table[reason] ?? 0) + spans;
};
