/** What can be told to stop reading, and to go on. */
interface Reader {
  /** Whether it is to go on when it is told to: not where it did not read, or will go on by itself. */
  stop(): boolean;
  goOn(): void;
}

/**
 * The reads of a lane that wait for a later round (read-rounds.ts). Each is a copy of up to 256 KiB that nobody has
 * claimed yet, and thousands of connections can send at one time: when too much waits, no connection is read until half
 * of it is served. What others send meanwhile stays with the system, which makes them wait. Then whose turn was the
 * longest ago goes on first: there is room for some only, and with many connections one sender would have all of it.
 */
export class WaitingReads {
  /** Bytes of all copies. */
  bytes = 0;
  readonly #mostBytes: number;
  /** Whose turn was the longest ago first. */
  readonly #readers = new Set<Reader>();
  /** Who is to go on when half is served, in that order. */
  readonly #stopped = new Set<Reader>();
  #isStopped = false;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  add(reader: Reader): void {
    this.#readers.add(reader);
    if (this.#isStopped) this.#stop(reader);
  }

  delete(reader: Reader): void {
    this.#readers.delete(reader);
    this.#stopped.delete(reader);
  }

  /** A reader keeps so many bytes more, and has had its turn. */
  keep(reader: Reader, bytes: number): void {
    this.bytes += bytes;
    this.#toTheEnd(reader);
    if (this.#isStopped || this.bytes <= this.#mostBytes) return;
    this.#isStopped = true;
    for (const each of this.#readers) this.#stop(each);
  }

  /** So many bytes are served. */
  serve(bytes: number): void {
    this.bytes -= bytes;
    if (!this.#isStopped || this.bytes > this.#mostBytes / 2) return;
    this.#isStopped = false;
    const stopped = [...this.#stopped];
    this.#stopped.clear();
    for (const reader of stopped) reader.goOn();
  }

  /** A reader has had its turn: whether it may be read again now; else it goes on with the others. */
  mayRead(reader: Reader): boolean {
    // Where nothing waits, nobody is kept from reading.
    if (this.bytes > 0) this.#toTheEnd(reader);
    if (this.#isStopped && this.#readers.has(reader)) this.#stopped.add(reader);
    return !this.#isStopped;
  }

  #toTheEnd(reader: Reader): void {
    if (this.#readers.delete(reader)) this.#readers.add(reader);
  }

  #stop(reader: Reader): void {
    if (reader.stop()) this.#stopped.add(reader);
  }
}
