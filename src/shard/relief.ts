import type { TraceBuffer } from '../buffer/trace-buffer.ts';
import type { Emission } from './emission.ts';
import type { Judge } from './judge.ts';
import type { Neighbours } from './neighbours.ts';
import type { OverloadWatch } from './overload-watch.ts';

/** As little as may be taken when the ladder is left again. */
const enoughShare = 0.7;

interface Parts {
  readonly buffer: TraceBuffer;
  readonly judge: Judge;
  readonly emission: Emission;
  readonly overload: OverloadWatch;
  readonly neighbours: Neighbours | undefined;
}

/**
 * Rungs 1 and 2 of the ladder: memory is made before it is needed, by deciding what is complete, or oldest, before its
 * wait is over; where that is the operator's wish (buffer.on_full).
 */
export class Relief {
  readonly #parts: Parts;
  readonly #decides: boolean;
  /** The segment, by order of opening, up to which complete traces were looked for. */
  #sweptTo = -1;
  #sweptAt = 0;

  constructor(parts: Parts, onFull: 'decide_oldest' | 'refuse') {
    this.#parts = parts;
    this.#decides = onFull === 'decide_oldest';
  }

  /** At most `limit` traces; true when there may be more. `now` in monotonic ms. */
  tick(limit: number, now: number): boolean {
    const { rung } = this.#parts.overload.ladder;
    if (!this.#decides || rung === 0 || this.#isEnough) return false;
    return rung === 1 ? this.#decideComplete(limit, now) : this.#decideOldest(limit, now);
  }

  get #isEnough(): boolean {
    const { overload, emission } = this.#parts;
    return overload.memory <= enoughShare || emission.isBehind;
  }

  #decideOldest(limit: number, now: number): boolean {
    const { buffer, judge } = this.#parts;
    let left = limit;
    for (const slot of buffer.oldest((trace) => judge.isComplete(trace))) {
      judge.judge(slot, 'full', now);
      if (--left === 0 || this.#isEnough) break;
    }
    if (left === limit) this.#askBack();
    return left < limit && !this.#isEnough;
  }

  /** What is left is held by traces of other shards: they decide those in the oldest segment that they use. */
  #askBack(): void {
    const { buffer, neighbours } = this.#parts;
    const lent = buffer.segments.oldest(Number.POSITIVE_INFINITY).find((n) => neighbours?.lending.isLent(n));
    if (lent !== undefined) neighbours?.lending.want(lent);
  }

  /** One segment a millisecond, for most of what is looked at may be incomplete; the oldest first, then all over again. */
  #decideComplete(limit: number, now: number): boolean {
    if (now === this.#sweptAt) return false;
    this.#sweptAt = now;
    const { buffer, judge } = this.#parts;
    const { segments } = buffer;
    const next = segments.oldest(Number.POSITIVE_INFINITY).find((n) => segments.get(n).sequence > this.#sweptTo);
    if (next === undefined) {
      this.#sweptTo = -1;
      this.#askBack();
      return false;
    }
    const segment = segments.get(next);
    const { sequence } = segment;
    let left = limit;
    for (const slot of buffer.tracesIn(segment, (trace) => judge.isComplete(trace))) {
      if (!judge.isComplete(slot)) break;
      judge.judge(slot, 'full', now);
      if (--left === 0 || this.#isEnough) return left === 0;
    }
    this.#sweptTo = sequence;
    return false;
  }
}
