import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../clock.ts';
import type { Exporter, ExporterStats, ExportRequest, OnFailure } from '../model/export-request.ts';
import { QueueShares } from '../model/queue-shares.ts';
import { Desk } from './desk.ts';
import type { Outcome, TempoAnswer, TempoRequest, WorkerOptions } from './messages.ts';
import { type Asked, Queries, type QueryLimits, usualLimits } from './queries.ts';
import { plain } from './respond.ts';
import type { StorageStats } from './retain.ts';
import { type Machinery, SteadyThread, type ThreadReports } from './steady-thread.ts';
import type { TempoReader } from './tempo-api.ts';
import { StoreError, WorkerDied } from './writer-thread.ts';

export interface StoreOptions extends WorkerOptions {
  readonly name: string;
  /** Unix milliseconds; tests turn it by hand. */
  readonly now?: () => number;
  /** Bytes that may wait for the disk, of each tenant its share. */
  readonly queueBytes?: number;
  /**
   * Told of what went wrong and lost nothing yet, and of every request given up; whoever logs it should limit the rate.
   */
  readonly onError?: (message: string) => void;
  readonly onFailure?: OnFailure;
  readonly health?: Health;
  readonly queries?: QueryLimits;
}

/** Told of what an operator should hear at once. */
export interface Health {
  /** Nothing can be stored now, and why; told again with every attempt. */
  failing(reason: string): void;
  recovered(): void;
  /** A damaged database has another name now, and an empty one its place. */
  setAside(message: string): void;
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
  readonly ended: (() => void) | undefined;
}

/** Tempo has each trace with its resource, too. */
const tooLarge =
  'a resource so large that it takes many times what came, as each trace is stored with its own: send less with it, or in fewer traces';

const retainEveryMs = 60_000;
/** A request during which the worker dies this often is the one that kills it. */
const maxAttempts = 2;

/** While nothing can be written, whoever offers nothing does not show that it can be again: it is tried. */
const tryAgainMs = 5_000;

/**
 * Opens the store in `directory`, making it where absent. Where it cannot be opened, `stats.failing` says why; it is tried
 * again, and what is offered meanwhile has failed.
 */
export async function createStore(options: StoreOptions, machinery: Partial<Machinery> = {}): Promise<Store> {
  const store = new EmbeddedStore(options, machinery);
  await store.start();
  return store;
}

class EmbeddedStore implements Store, ThreadReports {
  readonly name: string;
  readonly stats: ExporterStats;
  readonly read: TempoReader;
  storage: StorageStats;
  readonly #health: Health;
  readonly #thread: SteadyThread;
  readonly #desk = new Desk();
  readonly #now: () => number;
  readonly #onError: (message: string) => void;
  readonly #onFailure: OnFailure;
  readonly #timer: NodeJS.Timeout;
  /** The first is being written, and stays here until its outcome is known. */
  readonly #queue: Queued[] = [];
  readonly #shares: QueueShares;
  #writing: Promise<void> | undefined;
  #trying: NodeJS.Timeout | undefined;
  /** The largest request that could not be written since one was. */
  #unwrittenBytes = 0;
  #retaining: Promise<void> | undefined;
  #closed = false;

  constructor(options: StoreOptions, machinery: Partial<Machinery>) {
    const { directory, retentionMs, maxBytes, tenants } = options;
    this.name = options.name;
    this.stats = emptyStats(options.queueBytes ?? 64 * 1024 * 1024);
    this.#shares = new QueueShares(this.stats.queueLimitBytes, tenants);
    this.storage = { bytes: 0, limitBytes: maxBytes, traces: 0, oldestAt: 0, overLimit: false };
    this.#thread = new SteadyThread({ directory, retentionMs, maxBytes, ...(tenants && { tenants }) }, machinery, this);
    this.read = this.#readers(options);
    this.#health = options.health ?? { failing: () => {}, recovered: () => {}, setAside: () => {} };
    this.#now = options.now ?? systemClock.unixMs;
    this.#onError = options.onError ?? (() => {});
    this.#onFailure = options.onFailure ?? (() => {});
    this.#timer = setInterval(() => void this.retain(), retainEveryMs).unref();
  }

  start(): Promise<void> {
    return this.#thread.start();
  }

  partTaken(tenant: string): number {
    return this.#shares.partTaken(tenant);
  }

  offer(request: ExportRequest, done?: () => void, ended?: () => void): void {
    const { stats } = this;
    // The first one is being written.
    const givingWay = this.#shares.givingWay(request, this.#queue.slice(1), stats.queueLimitBytes - stats.queuedBytes);
    if (this.#closed || givingWay === undefined) {
      if (this.#closed) this.#fail(request, 'shutdown', 'offered after the store was shut down');
      else this.#fail(request, 'queue_full', `queue full: ${stats.queuedBytes} of ${stats.queueLimitBytes} bytes wait`);
      ended?.();
      done?.();
      return;
    }
    for (const one of givingWay) this.#giveUp(one);
    stats.queuedBytes += request.body.length;
    stats.queuedSpans += request.spans;
    this.#shares.put(request);
    this.#queue.push({ request, done, ended });
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

  died(reason: string): void {
    this.stats.retries++;
    this.#trouble(new WorkerDied(reason));
  }

  notOpened(reason: string): void {
    this.#failing(reason);
  }

  opened(storage: StorageStats): void {
    this.#stores(storage);
    this.#works();
  }

  setAside(message: string): void {
    this.stats.setAside = (this.stats.setAside ?? 0) + 1;
    this.#note(message);
    this.#health.setAside(message);
  }

  /** One after the other: so a request that kills the worker is known, and no second copy of the queue is made. */
  async #writeAll(): Promise<void> {
    while (this.#queue.length > 0) await this.#write(this.#queue[0].request);
    this.#writing = undefined;
  }

  async #write(request: ExportRequest): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#append(request).catch((error: Error) => error);
      if (this.#closed) return;
      if (!(outcome instanceof Error)) return this.#written(outcome);
      if (outcome instanceof WorkerDied && attempt < maxAttempts) await this.#thread.running();
      else return this.#notWritten(outcome);
    }
  }

  #append({ body, tenant = '' }: ExportRequest): Promise<Outcome> {
    return this.#thread.ask({ type: 'append', body: this.#desk.put(body), tenant, now: this.#now() });
  }

  #written({ storage, refusedSpans = 0 }: Outcome): void {
    const request = this.#unqueue();
    this.stats.exportedSpans += request.spans - refusedSpans;
    if (refusedSpans > 0) this.#fail({ ...request, spans: refusedSpans }, 'too_large', tooLarge);
    this.stats.exportedRequests++;
    this.stats.lastSuccessAt = this.#now();
    this.#stores(storage!);
    this.#works();
    if (storage!.overLimit) void this.retain();
  }

  #stores(storage: StorageStats): void {
    this.storage = storage;
    this.stats.storedBytes = storage.bytes;
    this.stats.copiedBytes = this.#desk.bytes;
  }

  #notWritten(error: Error): void {
    const isMalformed = error instanceof StoreError && error.malformed;
    const request = this.#unqueue();
    this.#fail(request, isMalformed ? 'rejected' : 'write_failed', error.message);
    if (isMalformed || this.#closed) return;
    this.#unwrittenBytes = Math.max(this.#unwrittenBytes, request.body.length);
    this.#failing(error.message);
    this.#trying ??= setTimeout(() => void this.#tryWriting(), tryAgainMs).unref();
  }

  async #tryWriting(): Promise<void> {
    this.#trying = undefined;
    if (this.#closed || this.stats.failing === '') return;
    try {
      await this.#thread.ask({ type: 'try_writing', bytes: this.#unwrittenBytes });
      this.#works();
    } catch (error) {
      this.#failing((error as Error).message);
      this.#trying ??= setTimeout(() => void this.#tryWriting(), tryAgainMs).unref();
    }
  }

  #failing(reason: string): void {
    if (this.#closed) return;
    this.stats.failing = reason;
    this.#note(reason);
    this.#health.failing(reason);
  }

  #works(): void {
    if (this.stats.failing === '') return;
    this.stats.failing = '';
    this.#unwrittenBytes = 0;
    this.#health.recovered();
  }

  /** The worker had a copy of the body. */
  #unqueue(at = 0): ExportRequest {
    const [{ request, done, ended }] = this.#queue.splice(at, 1);
    this.stats.queuedBytes -= request.body.length;
    this.stats.queuedSpans -= request.spans;
    this.#shares.take(request);
    ended?.();
    done?.();
    return request;
  }

  #giveUp(one: Queued): void {
    const request = this.#unqueue(this.#queue.indexOf(one));
    const why = `tenant ${request.tenant} has more than its part of what waits, and others came`;
    this.#fail(request, 'queue_full', `queue full: ${why}`);
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
      this.#stores(storage!);
    } catch (error) {
      if (!this.#closed) this.#trouble(error as Error);
    }
  }

  /** Who asks too much at a time is told so, and no other tenant. */
  #readers({ tenants, queries = usualLimits }: StoreOptions): TempoReader {
    const ask = (request: TempoRequest): Asked => this.#ask(request);
    if (tenants === undefined) return new Queries(ask, queries);
    const limits = { ...queries, maxUnreadBytes: queries.maxUnreadBytes / tenants.length };
    const each = new Map(tenants.map(({ name }) => [name, new Queries(ask, limits)]));
    return {
      answer: async (request, over) =>
        each.get(request.tenant ?? '')?.answer(request, over) ?? plain(404, 'no such tenant'),
    };
  }

  #ask(request: TempoRequest): Asked {
    const { outcome, abandon } = this.#thread.question(request);
    return { answer: outcome.then(({ answer }) => withBuffer(answer!)), abandon };
  }
}

/** What came as bytes of its own. */
function withBuffer({ body, ...answer }: TempoAnswer): TempoAnswer {
  return { ...answer, body: typeof body === 'string' ? body : Buffer.from(body.buffer, body.byteOffset, body.length) };
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
  failing: '',
  setAside: 0,
});
