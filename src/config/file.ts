import { type FSWatcher, watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Source, SourceListener } from './source.ts';

/** A file's text; undefined where there is no such file. */
export type FileText = string | undefined;

interface FileTiming {
  /** A text counts when it is still the same after this long: half a write is not a document. */
  readonly settleMs: number;
  /** How often to look where the system tells nothing, as on network file systems. */
  readonly pollMs: number;
}

/**
 * A file that is watched. The folder is what is watched, so that editors which rename, and Kubernetes, which swaps the
 * folder's `..data` link for a ConfigMap, are seen too.
 */
export class FileSource implements Source<FileText> {
  readonly name: string;
  readonly #path: string;
  readonly #timing: FileTiming;
  readonly #stopping = new AbortController();
  #listener: SourceListener<FileText> | undefined;
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;
  #last: FileText | null = null; // null: not read yet
  #looking = false;
  #again = false;

  constructor(path: string, timing: FileTiming = { settleMs: 100, pollMs: 500 }) {
    this.name = `file:${path}`;
    this.#path = path;
    this.#timing = timing;
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
    const text = await readText(this.#path);
    this.#tell((listener) => listener.answered());
    if (text === this.#last) return;
    if (this.#last !== null && !(await this.#settled(text))) return;
    this.#last = text;
    this.#tell((listener) => listener.changed(text));
  }

  async #settled(text: FileText): Promise<boolean> {
    await sleep(this.#timing.settleMs, undefined, { signal: this.#stopping.signal });
    const same = text === (await readText(this.#path));
    this.#again ||= !same;
    return same;
  }

  #tell(what: (listener: SourceListener<FileText>) => void): void {
    if (this.#listener && !this.#stopping.signal.aborted) what(this.#listener);
  }
}

async function readText(path: string): Promise<FileText> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
