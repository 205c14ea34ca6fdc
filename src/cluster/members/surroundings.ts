import { setTimeout as sleep } from 'node:timers/promises';

/** What a loop that asks again and again needs from outside: the tests turn these by hand. */
export interface Surroundings {
  readonly random: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

export const realSurroundings: Surroundings = {
  random: Math.random,
  sleep: (ms, signal) => sleep(ms, undefined, { signal, ref: false }),
};
