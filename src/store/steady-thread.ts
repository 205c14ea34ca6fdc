import { setTimeout as sleep } from 'node:timers/promises';
import type { Outcome, TempoRequest, WorkerOptions } from './messages.ts';
import type { StorageStats } from './retain.ts';
import {
  type Asked,
  type Question,
  type StartedThread,
  StoreError,
  type StoreThread,
  WriterThread,
} from './writer-thread.ts';

/** What tests put in the place of a real worker and real waiting. */
export interface Machinery {
  readonly startThread: (options: WorkerOptions, onSetAside: (message: string) => void) => Promise<StartedThread>;
  readonly restartAfterMs: number;
}

/** Told of what becomes of the worker. */
export interface ThreadReports {
  /** It ended by itself, and is started again. */
  died(reason: string): void;
  /** The store cannot be opened now; it is tried again, less and less often. */
  notOpened(reason: string): void;
  opened(storage: StorageStats): void;
  setAside(message: string): void;
}

const longestPauseMs = 30_000;

/** A worker that is started again whenever it dies or cannot open the store, until it is closed. */
export class SteadyThread {
  readonly #options: WorkerOptions;
  readonly #machinery: Machinery;
  readonly #reports: ThreadReports;
  #thread: StoreThread | undefined;
  /** Why none runs and the last one could not open the store. */
  #refusal = '';
  #opening: Promise<void> | undefined;
  #closed = false;

  constructor(options: WorkerOptions, machinery: Partial<Machinery>, reports: ThreadReports) {
    this.#options = options;
    this.#machinery = { startThread: WriterThread.start, restartAfterMs: 1000, ...machinery };
    this.#reports = reports;
  }

  /** Resolves after the first attempt, whatever it came to. */
  start(): Promise<void> {
    return this.#open(this.#machinery.restartAfterMs);
  }

  /** Rejects with WorkerDied where it dies before the outcome is known, with StoreError where none runs. */
  ask(command: Asked): Promise<Outcome> {
    if (this.#closed) return Promise.reject(new StoreError('it is closed'));
    return this.#thread?.ask(command) ?? Promise.reject(new StoreError(this.#refusal || 'it is being opened'));
  }

  /** The same for a question that may be abandoned. */
  question(request: TempoRequest): Question {
    if (!this.#closed && this.#thread !== undefined) return this.#thread.question(request);
    return { outcome: this.ask({ type: 'answer', request }), abandon: () => {} };
  }

  /** After a death: resolves when a worker runs again, or could not open the store. */
  async running(): Promise<void> {
    await this.#thread?.ended;
    await this.#opening;
  }

  /** Lets the worker close the database, or ends it when `enough` resolves before. */
  async close(enough: Promise<unknown>): Promise<void> {
    this.#closed = true;
    const thread = this.#thread;
    if (thread === undefined) return;
    const closed = thread.ask({ type: 'close' }).then(
      () => thread.ended,
      () => undefined,
    );
    await Promise.race([closed, enough]);
    await thread.kill();
  }

  async #open(nextPauseMs: number): Promise<void> {
    try {
      const { thread, storage } = await this.#machinery.startThread(this.#options, (message) =>
        this.#reports.setAside(message),
      );
      if (this.#closed) return thread.kill();
      this.#thread = thread;
      this.#refusal = '';
      void thread.ended.then((reason) => this.#ended(reason));
      this.#reports.opened(storage);
    } catch (error) {
      this.#thread = undefined;
      this.#refusal = (error as Error).message;
      this.#reports.notOpened(this.#refusal);
      void this.#openAfter(nextPauseMs, Math.min(nextPauseMs * 2, longestPauseMs));
    }
  }

  #ended(reason: string): void {
    if (this.#closed) return;
    this.#reports.died(reason);
    const { restartAfterMs } = this.#machinery;
    this.#opening = this.#openAfter(restartAfterMs, restartAfterMs);
  }

  async #openAfter(pauseMs: number, nextPauseMs: number): Promise<void> {
    await sleep(pauseMs, undefined, { ref: false });
    if (!this.#closed) await this.#open(nextPauseMs);
  }
}
