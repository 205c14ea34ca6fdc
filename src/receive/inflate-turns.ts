/**
 * Unpacked in one turn of the event loop, 8 to 10 ms of it: a read of a connection can hold hundreds of small messages
 * that become large.
 */
const bytesATurn = 4 * 1024 * 1024;

interface Waiting {
  readonly bytes: number;
  readonly resume: () => void;
}

/**
 * Shares out what a turn of this thread's event loop may unpack; who comes when that is gone waits for the next one,
 * first come first served.
 */
export class InflateTurns {
  readonly #nextTurn: (then: () => void) => void;
  readonly #waiting: Waiting[] = [];
  #left = bytesATurn;
  #isAsked = false;

  /** `nextTurn`: when sockets have been read again. */
  constructor(nextTurn: (then: () => void) => void = setImmediate) {
    this.#nextTurn = nextTurn;
  }

  /** Undefined: go on. What is more than a turn may unpack has one for itself. */
  enter(bytes: number): Promise<void> | undefined {
    this.#ask();
    if (this.#waiting.length === 0 && this.#take(bytes)) return undefined;
    return new Promise((resume) => this.#waiting.push({ bytes, resume }));
  }

  #take(bytes: number): boolean {
    if (bytes > this.#left && this.#left < bytesATurn) return false;
    this.#left -= bytes;
    return true;
  }

  #ask(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    this.#nextTurn(() => this.#begin());
  }

  #begin(): void {
    this.#isAsked = false;
    this.#left = bytesATurn;
    let resumed = 0;
    while (resumed < this.#waiting.length && this.#take(this.#waiting[resumed].bytes))
      this.#waiting[resumed++].resume();
    this.#waiting.splice(0, resumed);
    if (this.#waiting.length > 0 || resumed > 0) this.#ask();
  }
}
