import type { Io } from '../../io.ts';

const everyMs = 2000;

/** Says on a terminal, every two seconds, how far something is that takes longer than that. */
export class Progress {
  readonly #io: Io;
  readonly #total: number;
  readonly #what: string;
  #toldAt: number;

  constructor(io: Io, total: number, what: string) {
    this.#io = io;
    this.#total = total;
    this.#what = what;
    this.#toldAt = io.now();
  }

  tell(done: number): void {
    const now = this.#io.now();
    if (!this.#io.stderrIsTTY || done >= this.#total || now - this.#toldAt < everyMs) return;
    this.#toldAt = now;
    this.#io.stderr.write(`obsctl: ${done} of ${this.#total} ${this.#what}\n`);
  }
}
