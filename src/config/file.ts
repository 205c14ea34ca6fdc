import { type FSWatcher, watch } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inTime, late } from '../in-time.ts';
import { type FileText, readText } from './read-text.ts';
import type { Source, SourceListener } from './source.ts';

interface FileTiming {
  /** A text counts when it is still the same after this long: half a write is not a document. */
  readonly settleMs: number;
  /** How often to look where the system tells nothing, as on network file systems. */
  readonly pollMs: number;
  /** A read that takes longer is given up, and told as a failure. */
  readonly silentMs: number;
}

export type Read = (path: string) => Promise<FileText>;

const usualTiming: FileTiming = { settleMs: 100, pollMs: 500, silentMs: 5_000 };

/** Each read that hangs holds one of the few threads that the process has for files. */
const maxHanging = 2;

/**
 * A file that is watched. The folder is what is watched, so that editors which rename, and Kubernetes, which swaps the
 * folder's `..data` link for a ConfigMap, are seen too.
 */
export class FileSource implements Source<FileText> {
  readonly name: string;
  readonly #path: string;
  readonly #timing: FileTiming;
  readonly #read: Read;
  readonly #stopping = new AbortController();
  #listener: SourceListener<FileText> | undefined;
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;
  #last: FileText | null = null; // null: not read yet
  #looking = false;
  #again = false;
  /** Reads that were given up and are still under way: on a network disk that is away, say. */
  #hanging = 0;

  constructor(path: string, timing: Partial<FileTiming> = {}, read: Read = readText) {
    this.name = `file:${path}`;
    this.#path = path;
    this.#timing = { ...usualTiming, ...timing };
    this.#read = read;
  }

  start(listener: SourceListener<FileText>): void {
    this.#listener = listener;
    this.#watchFolder();
    this.#timer = setInterval(() => this.refresh(), this.#timing.pollMs).unref();
    this.refresh();
  }

  stop(): void {
    this.#stopping.abort();
    this.#watcher?.close();
    clearInterval(this.#timer);
  }

  refresh(): void {
    this.#again = true;
    if (!this.#looking) void this.#look();
  }

  #watchFolder(): void {
    try {
      this.#watcher = watch(dirname(this.#path), { persistent: false }, () => this.refresh());
      this.#watcher.on('error', () => this.#watcher?.close());
    } catch {
      // No folder yet, or no watches left: polling serves.
    }
  }

  async #look(): Promise<void> {
    this.#looking = true;
    while (this.#again && !this.#stopping.signal.aborted) {
      this.#again = false;
      await this.#compare().catch((error) => this.#tell((listener) => listener.failed(error)));
    }
    this.#looking = false;
  }

  async #compare(): Promise<void> {
    const text = await this.#text();
    this.#tell((listener) => listener.answered());
    if (isSame(text, this.#last)) return;
    if (this.#last !== null && !(await this.#settled(text))) return;
    this.#last = text;
    this.#tell((listener) => listener.changed(text));
  }

  async #settled(text: FileText): Promise<boolean> {
    await sleep(this.#timing.settleMs, undefined, { signal: this.#stopping.signal });
    const same = isSame(text, await this.#text());
    this.#again ||= !same;
    return same;
  }

  /**
   * The text, or a failure where the file system does not answer in time; when it does after all, the file is looked at
   * again.
   */
  async #text(): Promise<FileText> {
    const { silentMs } = this.#timing;
    if (this.#hanging >= maxHanging) throw new Error(`not read: the file system did not answer ${maxHanging} times`);
    const reading = this.#read(this.#path);
    const text = await inTime(reading, silentMs, { ref: false });
    if (text !== late) return text;
    this.#hanging++;
    const answered = (): void => {
      this.#hanging--;
      this.refresh();
    };
    reading.then(answered, answered);
    throw new Error(`not read: the file system did not answer within ${silentMs / 1000} s`);
  }

  #tell(what: (listener: SourceListener<FileText>) => void): void {
    if (this.#listener && !this.#stopping.signal.aborted) what(this.#listener);
  }
}

function isSame(a: FileText, b: FileText | null): boolean {
  return a === b || (typeof a === 'object' && JSON.stringify(a) === JSON.stringify(b));
}
