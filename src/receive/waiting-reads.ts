/** What can be told to stop reading, and to go on. */
interface Reader {
  readonly isWaiting: boolean;
  stop(): void;
  goOn(): void;
}

/** So much may wait; a largest read for each of 128 connections. */
const mostBytes = 32 * 1024 * 1024;

/**
 * The reads of a thread that wait for a later round (read-rounds.ts). Each is a copy of up to 256 KiB that nobody has
 * claimed yet, and thousands of connections can send at one time: when too much waits, no connection is read until half
 * of it is served. What others send meanwhile stays with the system, which makes them wait.
 */
export class WaitingReads {
  /** Bytes of all copies. */
  bytes = 0;
  readonly #mostBytes: number;
  readonly #readers = new Set<Reader>();
  #isStopped = false;

  constructor(bytes = mostBytes) {
    this.#mostBytes = bytes;
  }

  add(reader: Reader): void {
    this.#readers.add(reader);
    if (this.#isStopped) reader.stop();
  }

  delete(reader: Reader): void {
    this.#readers.delete(reader);
  }

  /** A reader keeps so many bytes more; fewer where it is negative. */
  keep(bytes: number): void {
    this.bytes += bytes;
    if (!this.#isStopped && this.bytes > this.#mostBytes) {
      this.#isStopped = true;
      for (const reader of this.#readers) if (!reader.isWaiting) reader.stop();
    } else if (this.#isStopped && this.bytes <= this.#mostBytes / 2) {
      this.#isStopped = false;
      for (const reader of this.#readers) if (!reader.isWaiting) reader.goOn();
    }
  }

  /** Whether whoever is done with what he kept may be read again. */
  get mayRead(): boolean {
    return !this.#isStopped;
  }
}
