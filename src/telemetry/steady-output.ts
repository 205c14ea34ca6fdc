import { write as writeFile } from 'node:fs';

/** What waits for a reader that does not read; what comes on top is lost, and counted. */
const maxWaitingBytes = 4 * 1024 * 1024;
const maxWriteBytes = 64 * 1024;
/** A descriptor that somebody else set to be non-blocking, and that has no room now. */
const againMs = 20;
const newline = 0x0a;

/** As fs.write: `done` is told how many of the bytes were written. */
export type Write = (
  fd: number,
  bytes: Uint8Array,
  done: (error: NodeJS.ErrnoException | null, written: number) => void,
) => void;

/**
 * Lines on their way to a file descriptor that may be a file, a pipe, a terminal or a device. Each write happens in
 * libuv's thread pool, one at a time: a reader that has stopped reading, a terminal that was closed and a disk that is
 * full cost lines and never time. Of the ways that Node has, streams and console write to pipes and terminals
 * synchronously, and a write that hangs there holds up the whole process.
 */
export class SteadyOutput {
  /** Lines that could not be written, or had no room. */
  lostLines = 0;
  /** Told, when something could be written again, how many lines were lost before. */
  onRegained: (lines: number) => void = () => {};
  readonly #fd: number;
  readonly #write: Write;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #isWriting = false;
  #isLineOpen = false;
  #toldLost = 0;
  #idle: (() => void)[] = [];

  constructor(fd: number, write: Write = writeFile) {
    this.#fd = fd;
    this.#write = write;
  }

  /** `text`: whole lines. */
  write(text: string): void {
    const bytes = Buffer.from(text);
    if (this.#waitingBytes + bytes.length > maxWaitingBytes) {
      this.lostLines += linesIn(bytes);
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (!this.#isWriting) this.#next();
  }

  /** Resolves when all is written or lost, or after `withinMs`. */
  async flushed(withinMs: number): Promise<void> {
    if (!this.#isWriting) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, withinMs);
    this.#idle.push(resolve);
    await promise;
    clearTimeout(timer);
  }

  #next(): void {
    this.#isWriting = this.#waiting.length > 0;
    if (this.#isWriting) this.#attempt(this.#take());
    else for (const tell of this.#idle.splice(0)) tell();
  }

  /** Some whole lines; behind a line that was cut in the middle they begin a new one. */
  #take(): Buffer<ArrayBuffer> {
    const taken: Buffer[] = this.#isLineOpen ? [Buffer.of(newline)] : [];
    let bytes = 0;
    while (this.#waiting.length > 0 && bytes < maxWriteBytes) {
      const next = this.#waiting.shift()!;
      bytes += next.length;
      taken.push(next);
    }
    this.#waitingBytes -= bytes;
    return Buffer.concat(taken);
  }

  #attempt(bytes: Buffer<ArrayBuffer>): void {
    this.#write(this.#fd, bytes, (error, written) => {
      if (error?.code === 'EAGAIN') return void setTimeout(() => this.#attempt(bytes), againMs);
      if (error !== null) this.lostLines += linesIn(bytes);
      else {
        if (written > 0) this.#isLineOpen = bytes[written - 1] !== newline;
        if (written < bytes.length) {
          this.#attempt(bytes.subarray(written));
          return;
        }
        this.#regained();
      }
      this.#next();
    });
  }

  #regained(): void {
    const lines = this.lostLines - this.#toldLost;
    this.#toldLost = this.lostLines;
    if (lines > 0) this.onRegained(lines);
  }
}

const linesIn = (bytes: Uint8Array): number => bytes.reduce((lines, byte) => (byte === newline ? lines + 1 : lines), 0);
