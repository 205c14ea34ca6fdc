import { Worker } from 'node:worker_threads';

const threadFile = new URL(
  import.meta.url.endsWith('.ts') ? './password-thread.ts' : './password-thread.js',
  import.meta.url,
);
/** Without work for so long it ends: most passwords are compared at the start. */
const idleMs = 30_000;
/** Longer than the costliest hash takes on a busy machine. */
const longestMs = 30_000;

/** Compares passwords with slow hashes on a thread of its own, which holds up nobody's end. */
export class ComparingThread {
  /** There is one at most in each thread, and only while it is needed. */
  static #current: ComparingThread | undefined = undefined;
  readonly #worker = new Worker(threadFile, { resourceLimits: { maxOldGenerationSizeMb: 32 } });
  #asked: PromiseWithResolvers<boolean> | undefined = undefined;
  #timer: NodeJS.Timeout | undefined = undefined;

  /** One at a time. Rejects where the thread fails or hangs; the next one has a new one. */
  static async compare(this: void, password: string, hash: string): Promise<boolean> {
    ComparingThread.#current ??= new ComparingThread();
    return ComparingThread.#current.#compare(password, hash);
  }

  private constructor() {
    this.#worker.on('message', (isRight: boolean) => {
      this.#endIn(idleMs);
      this.#asked?.resolve(isRight);
    });
    this.#worker.on('error', () => this.#end());
    this.#worker.on('exit', () => this.#end());
    this.#worker.unref();
  }

  #compare(password: string, hash: string): Promise<boolean> {
    this.#asked = Promise.withResolvers();
    this.#endIn(longestMs);
    this.#worker.postMessage({ password, hash });
    return this.#asked.promise;
  }

  #endIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#end(), ms).unref();
  }

  #end(): void {
    clearTimeout(this.#timer);
    if (ComparingThread.#current === this) ComparingThread.#current = undefined;
    this.#asked?.reject(new Error('the thread ended'));
    void this.#worker.terminate();
  }
}
