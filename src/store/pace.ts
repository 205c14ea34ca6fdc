import { systemClock } from '../clock.ts';

/** A question's step: the longest that a write waits for it, and the longest that it goes on when nobody waits for it. */
const usualStepMs = 15;

/**
 * The same where the path has the thread between two steps: as short as a round of the event loop under load, since a
 * question that has always more to do makes every round so much longer.
 */
export const besidePathMs = 0.5;

/** Questions take turns: one step of one of them, then what else the thread has to do, then a step of the next. */
export class Turns {
  readonly #waiting: (() => void)[] = [];
  #isSet = false;

  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#set();
    });
  }

  #set(): void {
    if (this.#isSet || this.#waiting.length === 0) return;
    this.#isSet = true;
    setImmediate(() => {
      this.#isSet = false;
      this.#waiting.shift()!();
      this.#set();
    });
  }
}

/** Whoever asked is gone, or has waited too long. */
export class Abandoned extends Error {
  override readonly name = 'Abandoned';
}

/** Goes to the end of `steps`, and waits between them for its turn. */
export async function inTurn<T>(
  steps: Generator<undefined, T>,
  pace: { readonly isOver: boolean; next(): Promise<void> },
): Promise<T> {
  let step = steps.next();
  for (; !step.done; step = steps.next()) if (pace.isOver) await pace.next();
  return step.value;
}

/** How one question goes on: in steps, until it is answered or abandoned. */
export class Pace {
  readonly #turns: Turns;
  readonly #stepMs: number;
  #since = systemClock.monotonicMs();
  isAbandoned = false;

  constructor(turns: Turns, stepMs = usualStepMs) {
    this.#turns = turns;
    this.#stepMs = stepMs;
  }

  /** The same until `over` is aborted: from then on nobody waits for the answer. */
  static until(over: AbortSignal, turns: Turns, stepMs: number): Pace {
    const pace = new Pace(turns, stepMs);
    const abandon = (): void => void (pace.isAbandoned = true);
    if (over.aborted) abandon();
    over.addEventListener('abort', abandon, { once: true });
    return pace;
  }

  /** Whether the step is over: then it must wait for its `next`. */
  get isOver(): boolean {
    return systemClock.monotonicMs() - this.#since >= this.#stepMs;
  }

  /** Resolves when it is its turn again; rejects with Abandoned where nobody waits for the answer any more. */
  async next(): Promise<void> {
    await this.#turns.next();
    if (this.isAbandoned) throw new Abandoned('nobody waits for the answer');
    this.#since = systemClock.monotonicMs();
  }
}
