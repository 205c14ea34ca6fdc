import { noFloor } from '../model/threshold.ts';
import { atRest, climb, floorOf, type Ladder } from './overload.ts';

const everyMs = 100;

/** What presses on the shard from outside, see Pressure; whoever runs it says it before each turn. */
interface Surroundings {
  inflight: number;
  exportQueue: number;
  loopDelayMs: number;
}

/** Looks ten times a second at what presses on the shard, and keeps where it stands on the ladder for all who ask. */
export class OverloadWatch {
  ladder: Ladder = atRest;
  floor = noFloor;
  readonly surroundings: Surroundings = { inflight: 0, exportQueue: 0, loopDelayMs: 0 };
  readonly #memory: () => number;
  #lookedAt = 0;

  /** `memory`: the share of buffer.max_bytes that is taken. */
  constructor(memory: () => number) {
    this.#memory = memory;
  }

  /** The share of buffer.max_bytes that is taken now. */
  get memory(): number {
    return this.#memory();
  }

  /** `now` in monotonic ms. */
  tick(now: number): void {
    if (now - this.#lookedAt < everyMs) return;
    this.#lookedAt = now;
    const before = this.ladder;
    this.ladder = climb(before, { memory: this.#memory(), ...this.surroundings }, now);
    if (this.ladder.floorBits !== before.floorBits) this.floor = floorOf(this.ladder);
  }
}
