import { type Clock, systemClock } from '../clock.ts';

/** How long one body is worked on before the event loop goes on. */
const sliceMs = 4;

/**
 * The order in which large bodies are worked on: one slice a turn of the event loop, whosever it is, and each goes to
 * the end of the queue after its slice. So however many there are, other requests wait for one slice at most.
 */
export class Turns {
  readonly #waiting: (() => void)[] = [];
  readonly #clock: Clock;
  readonly #nextTurn: (run: () => void) => void;

  /** `nextTurn` runs something in the next turn of the loop, as setImmediate does. */
  constructor(clock: Clock, nextTurn: (run: () => void) => void) {
    this.#clock = clock;
    this.#nextTurn = nextTurn;
  }

  /**
   * Works to the end, slice by slice; undefined when `isOver` says before one of them that nobody needs it any more.
   * Then the work is dropped where it stands, without its `finally`: it may hold nothing but its own memory.
   */
  async take<T>(work: Generator<undefined, T>, isOver: () => boolean): Promise<T | undefined> {
    for (;;) {
      await this.#turn();
      if (isOver()) return undefined;
      const until = this.#clock.monotonicMs() + sliceMs;
      do {
        const step = work.next();
        if (step.done === true) return step.value;
      } while (this.#clock.monotonicMs() < until);
    }
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#waiting.push(resolve) === 1) this.#nextTurn(this.#give);
    });
  }

  readonly #give = (): void => {
    this.#waiting.shift()?.();
    if (this.#waiting.length > 0) this.#nextTurn(this.#give);
  };
}

/** There is one event loop a thread, so there is one of these. */
export const turns = new Turns(systemClock, setImmediate);

/** Works to the end at once: for what is small. */
export function workThrough<T>(work: Generator<undefined, T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}
