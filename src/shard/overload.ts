import { noFloor, type Threshold, thresholdOf } from '../model/threshold.ts';

/** What presses on a shard. The first three are shares of what there is, 0 to 1 and beyond. */
export interface Pressure {
  /** Of buffer.max_bytes. */
  readonly memory: number;
  /** Of receive.max_inflight_bytes. */
  readonly inflight: number;
  /** Of the queue of the exporter that is furthest behind, among those that get anywhere at all. */
  readonly exportQueue: number;
  /** How far the event loop is behind: about 10 at rest. */
  readonly loopDelayMs: number;
}

/**
 * How far a shard has gone to bear what presses on it. Each rung includes those below it.
 *
 *   1  traces that are complete are decided before their wait is over
 *   2  the oldest traces are decided, complete or not
 *   3  all but traces with an error are kept by a smaller share, which their weight says: the floor
 *   4  requests are told to try again, before their body is read
 */
export const rungs = ['none', 'complete_early', 'oldest_early', 'sample_harder', 'refuse'] as const;
type Rung = 0 | 1 | 2 | 3 | 4;

/** Where a shard stands. A value: every step makes a new one. */
export interface Ladder {
  readonly rung: Rung;
  /** What put it there, in words. */
  readonly cause: string;
  /** Traces without an error are kept at most by one in 2^floorBits. */
  readonly floorBits: number;
  /** Since when less presses than its rung is for, and when the floor was changed last, in monotonic ms. */
  readonly easedAt: number;
  readonly floorAt: number;
}

/** What a rung is for: it is climbed to at `from`, and left when all of its causes were below `until` for a while. */
interface Mark {
  readonly rung: Rung;
  readonly of: keyof Pressure;
  readonly from: number;
  readonly until: number;
}

const marks: readonly Mark[] = [
  { rung: 1, of: 'memory', from: 0.8, until: 0.7 },
  { rung: 2, of: 'memory', from: 0.9, until: 0.8 },
  // Writing what is kept is the dearest work there is.
  { rung: 3, of: 'loopDelayMs', from: 400, until: 200 },
  { rung: 3, of: 'exportQueue', from: 0.75, until: 0.5 },
  { rung: 4, of: 'memory', from: 0.99, until: 0.95 },
  { rung: 4, of: 'inflight', from: 0.9, until: 0.6 },
  { rung: 4, of: 'loopDelayMs', from: 800, until: 400 },
];

const easedMs = 2_000;
const floorEveryMs = 1_000;
/** One in a thousand: beyond that nothing is won. */
const mostFloorBits = 10;

export const atRest: Ladder = { rung: 0, cause: '', floorBits: 0, easedAt: 0, floorAt: 0 };

/**
 * The next step: up at once, down when the pressure has been lower for two seconds, to where it belongs by then. The
 * floor rises by half each second for which rung 3 was not enough. `now` in monotonic ms.
 */
export function climb(ladder: Ladder, pressure: Pressure, now: number): Ladder {
  const reached = highest(pressure, 'from');
  if (reached !== undefined && reached.rung > ladder.rung) {
    return withFloor({ ...ladder, rung: reached.rung, cause: causeOf(reached, pressure), easedAt: now }, pressure, now);
  }
  const held = highest(pressure, 'until');
  const rung = held?.rung ?? 0;
  if (rung >= ladder.rung) return withFloor({ ...ladder, easedAt: now }, pressure, now);
  if (now - ladder.easedAt < easedMs) return withFloor(ladder, pressure, now);
  const cause = held === undefined ? '' : causeOf(held, pressure);
  return withFloor({ ...ladder, rung, cause, easedAt: now }, pressure, now);
}

/** The floor as a threshold, for decisions. */
export const floorOf = ({ floorBits }: Ladder): Threshold => (floorBits === 0 ? noFloor : thresholdOf(2 ** -floorBits));

function withFloor(ladder: Ladder, pressure: Pressure, now: number): Ladder {
  const { rung, floorBits, floorAt } = ladder;
  if (rung < 3) return floorBits === 0 ? ladder : { ...ladder, floorBits: 0 };
  if (floorBits === 0) return { ...ladder, floorBits: 1, floorAt: now };
  if (now - floorAt < floorEveryMs || !isReached(pressure)) return ladder;
  return { ...ladder, floorBits: Math.min(mostFloorBits, floorBits + 1), floorAt: now };
}

/** Does more press than sampling harder has changed? */
const isReached = (pressure: Pressure): boolean =>
  marks.some(({ rung, of, from }) => rung === 3 && pressure[of] >= from);

function highest(pressure: Pressure, edge: 'from' | 'until'): Mark | undefined {
  return marks.findLast((mark) => pressure[mark.of] >= mark[edge]);
}

function causeOf({ of }: Mark, pressure: Pressure): string {
  if (of === 'loopDelayMs') return `the event loop is held up by ${Math.round(pressure.loopDelayMs)} ms`;
  const what = { memory: 'buffer.max_bytes', inflight: 'receive.max_inflight_bytes', exportQueue: 'an export queue' };
  return `${Math.round(pressure[of] * 100)} % of ${what[of]} taken`;
}
