import { setTimeout as sleep } from 'node:timers/promises';
import type { Outcome, WorkerOptions } from './messages.ts';
import type { StorageStats } from './retain.ts';
import { type Asked, StoreError, type StoreThread, WriterThread } from './writer-thread.ts';

/** What tests put in the place of a real worker and real waiting. */
export interface Machinery {
  readonly startThread: (options: WorkerOptions) => Promise<{ thread: StoreThread; storage: StorageStats }>;
  readonly restartAfterMs: number;
}

/** A worker that is started again whenever it dies, until it is closed. */
export class SteadyThread {
  readonly #options: WorkerOptions;
  readonly #machinery: Machinery;
  readonly #onTrouble: (reason: string) => void;
  #thread: StoreThread;
  #restarting: Promise<void> | undefined;
  #closed = false;

  private constructor(
    options: WorkerOptions,
    machinery: Machinery,
    thread: StoreThread,
    onTrouble: (reason: string) => void,
  ) {
    this.#options = options;
    this.#machinery = machinery;
    this.#onTrouble = onTrouble;
    this.#thread = this.#watched(thread);
  }

  /** Rejects with UsageError when the first worker cannot open the store. `onTrouble` is told of every death. */
  static async start(
    options: WorkerOptions,
    { startThread = WriterThread.start, restartAfterMs = 1000 }: Partial<Machinery>,
    onTrouble: (reason: string) => void,
  ): Promise<{ thread: SteadyThread; storage: StorageStats }> {
    const { thread, storage } = await startThread(options);
    return { thread: new SteadyThread(options, { startThread, restartAfterMs }, thread, onTrouble), storage };
  }

  /** Rejects with WorkerDied where it dies before the outcome is known, or is dead. */
  ask(command: Asked): Promise<Outcome> {
    return this.#closed ? Promise.reject(new StoreError('it is closed')) : this.#thread.ask(command);
  }

  /** After a death: resolves when a worker runs again. */
  async running(): Promise<void> {
    await this.#thread.ended;
    await this.#restarting;
  }

  /** Lets the worker close the database, or ends it when `enough` resolves before. */
  async close(enough: Promise<unknown>): Promise<void> {
    this.#closed = true;
    const closed = this.#thread.ask({ type: 'close' }).then(
      () => this.#thread.ended,
      () => undefined,
    );
    await Promise.race([closed, enough]);
    await this.#thread.kill();
  }

  #watched(thread: StoreThread): StoreThread {
    void thread.ended.then((reason) => {
      if (this.#closed) return;
      this.#onTrouble(reason);
      this.#restarting = this.#restart();
    });
    return thread;
  }

  async #restart(): Promise<void> {
    while (!this.#closed) {
      await sleep(this.#machinery.restartAfterMs, undefined, { ref: false });
      try {
        const { thread } = await this.#machinery.startThread(this.#options);
        if (this.#closed) await thread.kill();
        else this.#thread = this.#watched(thread);
        return;
      } catch (error) {
        this.#onTrouble((error as Error).message);
      }
    }
  }
}
