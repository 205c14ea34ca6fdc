import type { TraceFacts } from '../../src/model/predicates.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What a decision looks at: nothing, but for what is told. */
export const factsOf = (told: Partial<TraceFacts> = {}): Mutable<TraceFacts> => ({
  bits: new Int32Array(1),
  id: new Int32Array(4),
  randomnessHigh: 0,
  randomnessLow: 0,
  spans: 1,
  bytes: 0,
  durationNs: 0,
  now: 0,
  trace: { forEach: () => {} },
  ...told,
});
