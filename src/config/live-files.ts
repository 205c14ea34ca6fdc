import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, systemClock } from '../clock.ts';
import { UsageError } from '../errors.ts';
import { inTime, late } from '../in-time.ts';
import { type FileText, readText } from './read-text.ts';

/** The text of each file, by the key that names it. */
type Texts = Readonly<Record<string, string>>;

export interface LiveFilesOptions<T> {
  /** The block of the boot file that names them, such as `receive.tls`. */
  readonly block: string;
  /** Absolute path of each, by its key there, such as `cert_file`. */
  readonly paths: Readonly<Record<string, string>>;
  readonly reloadIntervalMs: number;
  /** What they mean, a plain value that may go to other threads. Throws what is wrong; FileProblem where it is one file. */
  readonly parse: (texts: Texts) => T;
  /** One line for the operator, of a change that counts or that does not. */
  readonly tell: (level: 'info' | 'warn', message: string) => void;
}

/** How they stand. Times are of the monotonic clock. */
interface LiveFilesStatus {
  readonly block: string;
  readonly loadedAt: number;
  /** Since when what is on disk does not count; undefined while it does. */
  readonly failingSince: number | undefined;
  readonly loads: { readonly accepted: number; readonly refused: number };
}

interface Surroundings {
  readonly read: (path: string) => Promise<FileText>;
  readonly wait: (ms: number) => Promise<unknown>;
  /** A read that takes longer has failed. */
  readonly silentMs: number;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

/** What is wrong with one of the files, by its key. */
export class FileProblem extends Error {
  readonly key: string;

  constructor(key: string, message: string) {
    super(message);
    this.key = key;
  }
}

/** Who is told of changes, and by what name the operator knows it. */
interface Listener<T> {
  readonly whom: string;
  readonly take: (value: T) => void;
}

/** The files are good, but somebody failed with what they mean. */
class Unreached extends Error {}

/** A text counts when it is the same after so long: half a write is none. */
const settleMs = 200;
/** Files that do not fit each other are mostly about to: a key comes before its certificate. */
const secondLookMs = 1_000;

const usual: Surroundings = {
  read: readText,
  wait: (ms) => sleep(ms, undefined, { ref: false }),
  silentMs: 5_000,
  clock: systemClock,
};

/**
 * Files that change while the gateway runs and count together, such as a key and its certificate. They are read at the
 * start, every `reload_interval` and when asked; by their paths each time, so links that are swapped, as Kubernetes does
 * it, are followed. What cannot be read, or does not parse, changes nothing: the last good value stays, one line says
 * why, and the status says since when.
 */
export class LiveFiles<T> {
  readonly #options: LiveFilesOptions<T>;
  readonly #surroundings: Surroundings;
  readonly #listeners: Listener<T>[] = [];
  /** Those that the value in force has not reached. */
  readonly #behind = new Set<Listener<T>>();
  readonly #loads = { accepted: 0, refused: 0 };
  #texts: Texts;
  #value: T;
  #loadedAt: number;
  #failingSince: number | undefined = undefined;
  #told = '';
  #timer: NodeJS.Timeout | undefined = undefined;
  #isStopped = false;
  #looking: Promise<void> | undefined = undefined;
  /** Somebody asked while a look was under way, which may have read before the change. */
  #isAskedAgain = false;
  #hanging: Promise<unknown> | undefined = undefined;

  /** Reads them. Throws UsageError, in one line that names the key and the file, where they are no good. */
  static async open<T>(options: LiveFilesOptions<T>, surroundings: Partial<Surroundings> = {}): Promise<LiveFiles<T>> {
    const files = new LiveFiles(options, { ...usual, ...surroundings });
    try {
      files.#take(await files.#read());
    } catch (error) {
      throw new UsageError(files.#why(error as Error));
    }
    files.#timer = setInterval(() => void files.reload(), options.reloadIntervalMs).unref();
    return files;
  }

  private constructor(options: LiveFilesOptions<T>, surroundings: Surroundings) {
    this.#options = options;
    this.#surroundings = surroundings;
    this.#texts = {};
    this.#value = undefined as T;
    this.#loadedAt = 0;
  }

  /** The last good one. */
  get value(): T {
    return this.#value;
  }

  get status(): LiveFilesStatus {
    const { block } = this.#options;
    return { block, loadedAt: this.#loadedAt, failingSince: this.#failingSince, loads: { ...this.#loads } };
  }

  /**
   * `take` gets each value that takes the place of another; not the one that is there. Where it throws, the operator is
   * told that it did not reach `whom`, and it gets the value again with the next look.
   */
  onChange(whom: string, take: (value: T) => void): void {
    this.#listeners.push({ whom, take });
  }

  /** Looks at the files now; resolves when what they say counts, or does not. */
  reload(): Promise<void> {
    this.#isAskedAgain = this.#looking !== undefined;
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  stop(): void {
    this.#isStopped = true;
    this.#behind.clear();
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    do {
      this.#isAskedAgain = false;
      const first = await this.#attempt();
      if (first === undefined || this.#isStopped) continue;
      await this.#surroundings.wait(secondLookMs);
      const second = await this.#attempt();
      if (second !== undefined) this.#failed(second);
    } while (this.#isAskedAgain && !this.#isStopped);
  }

  /** Undefined where they are good. */
  async #attempt(): Promise<Error | undefined> {
    try {
      const texts = await this.#read();
      if (!isSame(texts, this.#texts)) {
        await this.#surroundings.wait(settleMs);
        if (!isSame(texts, await this.#read())) throw new Error('being written just now');
        if (this.#isStopped) return undefined;
        this.#changed(texts);
      }
      this.#reachAll();
      this.#recovered();
      return undefined;
    } catch (error) {
      return error as Error;
    }
  }

  #changed(texts: Texts): void {
    this.#take(texts);
    this.#told = '';
    for (const listener of this.#listeners) this.#behind.add(listener);
    this.#options.tell('info', `${this.#options.block}: changed files are in force`);
  }

  /** One that fails keeps no other from its value. */
  #reachAll(): void {
    const failures: string[] = [];
    for (const listener of this.#behind) {
      try {
        listener.take(this.#value);
        this.#behind.delete(listener);
      } catch (error) {
        failures.push(`did not reach ${listener.whom}: ${(error as Error).message}`);
      }
    }
    if (failures.length > 0) throw new Unreached(failures.join('; '));
  }

  #take(texts: Texts): void {
    this.#value = this.#options.parse(texts);
    this.#texts = texts;
    this.#loadedAt = this.#surroundings.clock.monotonicMs();
    this.#loads.accepted++;
  }

  #recovered(): void {
    this.#failingSince = undefined;
    this.#told = '';
  }

  #failed(error: Error): void {
    if (this.#isStopped) return;
    this.#failingSince ??= this.#surroundings.clock.monotonicMs();
    this.#loads.refused++;
    const why = this.#why(error);
    if (why === this.#told) return;
    this.#told = why;
    const where = error instanceof Unreached ? ' there' : '';
    this.#options.tell('warn', `${why}; what was read before stays in force${where}`);
  }

  async #read(): Promise<Texts> {
    const texts: Record<string, string> = {};
    for (const [key, path] of Object.entries(this.#options.paths)) texts[key] = await this.#text(key, path);
    return texts;
  }

  async #text(key: string, path: string): Promise<string> {
    const { silentMs } = this.#surroundings;
    const slow = new FileProblem(key, `the file system did not answer within ${silentMs / 1000} s`);
    // It holds one of the few threads for files: there is one such at a time.
    if (this.#hanging !== undefined) throw slow;
    const reading = this.#surroundings.read(path).catch((error: Error) => {
      throw new FileProblem(key, error.message);
    });
    const text = await inTime(reading, silentMs, { ref: this.#loads.accepted === 0 });
    if (text === late) {
      this.#hanging = reading
        .catch(() => {})
        .finally(() => {
          this.#hanging = undefined;
        });
      throw slow;
    }
    if (text === undefined) throw new FileProblem(key, 'there is no such file');
    if (typeof text !== 'string') throw new FileProblem(key, text.why);
    return text;
  }

  #why(error: Error): string {
    const { block, paths } = this.#options;
    const { message } = error;
    if (error instanceof FileProblem) return `${block}.${error.key}: ${paths[error.key]}: ${message}`;
    return error instanceof Unreached
      ? `${block}: ${Object.values(paths).join(', ')}: ${message}`
      : `${block}: ${message}`;
  }
}

function isSame(a: Texts, b: Texts): boolean {
  return Object.keys(a).every((key) => a[key] === b[key]) && Object.keys(b).every((key) => key in a);
}
