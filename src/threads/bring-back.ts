import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../clock.ts';
import { noConditions } from '../decide/conditions.ts';
import type { Brought } from '../model/brought-back.ts';
import { wordsOf } from '../model/trace-id.ts';
import type { Pipeline } from '../pipeline.ts';
import { messageOf } from '../receive/message.ts';
import { bringBack } from '../shard/bring-back.ts';
import { type Pace, type Unpack, WindowReader } from '../shard/window-reader.ts';

/** Traces that are looked for in one walk. */
const mostAtOnce = 256;
/** After a walk the path has the thread for so many times as long. */
const restPerWork = 3;
/** Spans that there is no room for wait for some, so often and so long at a time. */
const tries = 100;
const tryEveryMs = 100;

const nothing: Brought = { spans: 0, isWhole: false };

interface Asked {
  readonly id: Int32Array;
  readonly done: (brought: Brought) => void;
}

/**
 * Brings traces back out of the window of one tenant's pipeline: one walk at a time, for all that were asked for since
 * the last, so that however many there are, the path has most of the thread.
 */
export class BringBack {
  readonly #pipeline: Pipeline;
  readonly #unpacking: () => Unpack;
  readonly #pace: Pace;
  readonly #asked: Asked[] = [];
  #isWalking = false;
  #isStopped = false;

  constructor(pipeline: Pipeline, unpacking: () => Unpack, pace: Pace) {
    this.#pipeline = pipeline;
    this.#unpacking = unpacking;
    this.#pace = pace;
  }

  /** Resolves with what of the trace, an id of 32 hex digits, is on its way to its shard. */
  bring(traceId: string): Promise<Brought> {
    return new Promise((done) => {
      this.#asked.push({ id: wordsOf(traceId), done });
      if (!this.#isWalking) void this.#walkAll();
    });
  }

  stop(): void {
    this.#isStopped = true;
  }

  async #walkAll(): Promise<void> {
    this.#isWalking = true;
    while (this.#asked.length > 0) {
      const since = systemClock.monotonicMs();
      await this.#walk(this.#asked.splice(0, mostAtOnce));
      if (this.#asked.length > 0)
        await sleep((systemClock.monotonicMs() - since) * restPerWork, undefined, { ref: false });
    }
    this.#isWalking = false;
  }

  async #walk(asked: readonly Asked[]): Promise<void> {
    const { shard } = this.#pipeline;
    const ids = asked.map(({ id }) => id);
    const land = (body: Uint8Array, spans: number): Promise<boolean> => this.#land(body, spans);
    let brought: readonly Brought[] = [];
    try {
      await this.#pace.next();
      brought = await bringBack(new WindowReader(shard, this.#unpacking()), ids, {
        conditions: noConditions,
        pace: this.#pace,
        land,
      });
    } catch {
      // The gateway ends.
    } finally {
      for (const [i, { done }] of asked.entries()) done(brought[i] ?? nothing);
    }
  }

  /** What there is no room for is not brought: it stays what it was, dropped. */
  async #land(body: Uint8Array, spans: number): Promise<boolean> {
    for (let n = 0; n < tries && !this.#isStopped; n++) {
      if (this.#pipeline.bringIn(messageOf([body]), spans)) return true;
      await sleep(tryEveryMs, undefined, { ref: false });
    }
    return false;
  }
}
