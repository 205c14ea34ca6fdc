import { Worker } from 'node:worker_threads';
import type { Command, Outcome, Reply, TempoRequest, WorkerOptions } from './messages.ts';
import type { StorageStats } from './retain.ts';

/** As large as V8 likes, what the store throws away would lie in 96 MiB that nobody accounts for. */
const maxYoungGenerationSizeMb = 24;

/** A command that the worker could not carry out. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  /** True where the bytes were at fault, not the store. */
  readonly malformed: boolean;

  constructor(message: string, malformed = false) {
    super(message);
    this.malformed = malformed;
  }
}

/** The worker died with the command unanswered: nobody knows whether it was carried out. */
export class WorkerDied extends StoreError {}

interface Waiting {
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: Error) => void;
}

/** Its outcome, as of `ask`; an abandoned one is rejected when it has ended. */
export interface Question {
  readonly outcome: Promise<Outcome>;
  abandon(): void;
}

export type Asked = Command extends infer C ? (C extends { id: number } ? Omit<C, 'id'> : never) : never;

/** One run of the store's worker: every command gets its outcome, or WorkerDied. */
export interface StoreThread {
  /** Settles when the worker has ended, with the reason where it died. */
  readonly ended: Promise<string>;
  ask(command: Asked): Promise<Outcome>;
  /** The same for a question that may be abandoned: it ends at its next step. */
  question(request: TempoRequest): Question;
  /** Ends it at once, whatever it does. */
  kill(): Promise<void>;
}

export interface StartedThread {
  readonly thread: StoreThread;
  readonly storage: StorageStats;
}

/** The worker file under its own extension: .ts as checked out, .js as compiled. */
const workerFile = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);

export class WriterThread implements StoreThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly ended: Promise<string>;
  #nextId = 1;
  #crash = '';

  private constructor(options: WorkerOptions) {
    this.#worker = new Worker(workerFile, {
      workerData: options,
      execArgv: ['--disable-warning=ExperimentalWarning'],
      resourceLimits: { maxYoungGenerationSizeMb },
    });
    this.#worker.on('error', (error) => {
      this.#crash = (error as Error).message;
    });
    this.ended = new Promise((resolve) => this.#worker.once('exit', () => resolve(this.#end())));
  }

  /**
   * Resolves when the database is open; rejects with StoreError when it cannot be. `onSetAside` is told, then or later, of
   * a damaged one that has another name now.
   */
  static async start(options: WorkerOptions, onSetAside: (message: string) => void): Promise<StartedThread> {
    const thread = new WriterThread(options);
    const storage = await new Promise<StorageStats>((resolve, reject) => {
      thread.#worker.on('message', (reply: Reply) => {
        if (reply.type === 'ready') resolve(reply.storage);
        else if (reply.type === 'refused') reject(new StoreError(reply.message));
        else if (reply.type === 'set_aside') onSetAside(reply.message);
        else thread.#receive(reply);
      });
      void thread.ended.then((reason) => reject(new StoreError(`its worker ended at the start: ${reason}`)));
    });
    return { thread, storage };
  }

  question(request: TempoRequest): Question {
    const id = this.#nextId;
    const outcome = this.ask({ type: 'answer', request });
    return { outcome, abandon: () => this.#worker.postMessage({ type: 'abandon', id }) };
  }

  ask(command: Asked): Promise<Outcome> {
    if (this.#crash !== '') return Promise.reject(new WorkerDied(this.#crash));
    const id = this.#nextId++;
    const outcome = new Promise<Outcome>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#worker.postMessage({ ...command, id });
    return outcome;
  }

  async kill(): Promise<void> {
    await this.#worker.terminate();
  }

  #receive(message: Extract<Reply, { readonly id: number }>): void {
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.type === 'done') waiting?.resolve(message);
    else waiting?.reject(new StoreError(message.message, message.malformed));
  }

  #end(): string {
    this.#crash ||= 'the worker has ended';
    for (const { reject } of this.#waiting.values()) reject(new WorkerDied(this.#crash));
    this.#waiting.clear();
    return this.#crash;
  }
}
