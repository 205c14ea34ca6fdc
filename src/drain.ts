import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from './clock.ts';
import type { FanOut } from './fan-out.ts';
import { inTime, late } from './in-time.ts';
import type { PipelineStats, ShardStats } from './model/shard-stats.ts';
import type { Shards } from './threads/shards.ts';

/** Spans that were acknowledged and will not arrive: by exporter, or under `gateway`, and by reason. */
export type Losses = Readonly<Record<string, Readonly<Record<string, number>>>>;

interface DrainParts {
  readonly shards: Shards;
  readonly fanOut: FanOut;
  readonly clock: Clock;
}

/**
 * Of the time that the drain has: how much of it senders get to finish, and an exporter that gets nowhere, and what is
 * kept for the ends.
 */
const receivingShare = 1 / 3;
const patienceShare = 1 / 4;
const endShare = 1 / 10;
const longestEndMs = 2_000;
/** Of export requests, decided in one step. */
const largestStepBytes = 16 * 2 ** 20;
const pauseMs = 5;
/** What a shard needs to answer a question. */
const answerMs = 500;

/**
 * Stops receiving, decides what waits no faster than the exporters take it, and lets them send until shortly before
 * `timeoutMs` is over; what is left then is decided all the same, so that the books know by name what did
 * not arrive. Resolves about then, whatever hangs, with the losses since it began.
 */
export async function drain(parts: DrainParts, timeoutMs: number): Promise<Losses> {
  const { shards, fanOut, clock } = parts;
  const began = clock.monotonicMs();
  const deliverUntil = began + timeoutMs - Math.min(longestEndMs, timeoutMs * endShare);
  const by = deadlines(clock);
  const before = by(shards.stats(), began + answerMs);
  const failedBefore = failures(fanOut);
  const offeredBefore = offered(fanOut);
  fanOut.beginDrain(began, timeoutMs * patienceShare);
  // A sender that never finishes its request must not use up the time of what others were promised.
  const receiveUntil = began + timeoutMs * receivingShare;
  await by(shards.stopReceiving(receiveUntil), receiveUntil + answerMs);
  const undecided = await decideAsTaken(parts, deliverUntil);
  const closed = fanOut.close(deliverUntil);
  if (undecided) await decideRest(shards, began + timeoutMs, clock);
  await by(closed, began + timeoutMs);
  // What was read from a topic and could not be delivered stays uncommitted, and is read again by others.
  await by(shards.finishReading(), began + timeoutMs);
  const after = await by(shards.stats(), Math.max(began + timeoutMs, clock.monotonicMs() + answerMs / 5));
  const gateway = ownLosses(await before, after, offered(fanOut) - offeredBefore);
  return since({ ...failures(fanOut), gateway }, failedBefore);
}

/** Decides in steps as large as the exporters have room; true when not all was decided in time. */
async function decideAsTaken({ shards, fanOut, clock }: DrainParts, deadlineMs: number): Promise<boolean> {
  const by = deadlines(clock);
  let isMore = true;
  while (clock.monotonicMs() < deadlineMs) {
    const roomBytes = Math.min(fanOut.roomBytes(clock.monotonicMs()), largestStepBytes);
    if (roomBytes <= 0) await sleep(pauseMs);
    else if (isMore) isMore = (await by(shards.decideWaiting(roomBytes), deadlineMs)) ?? true;
    else return false;
    await setImmediate();
  }
  return isMore;
}

/** Nobody takes it any more, but the books do: kept means lost now, dropped does not. */
async function decideRest(shards: Shards, deadlineMs: number, clock: Clock): Promise<void> {
  const by = deadlines(clock);
  while (clock.monotonicMs() < deadlineMs) {
    if ((await by(shards.decideWaiting(largestStepBytes), deadlineMs)) !== true) return;
    await setImmediate();
  }
}

/** Waits for an answer until `deadlineMs`; undefined where none came, or a failure. */
export function deadlines(clock: Clock): <T>(answer: T | Promise<T>, deadlineMs: number) => Promise<T | undefined> {
  return async (answer, deadlineMs) => {
    const told = Promise.resolve(answer).catch(() => undefined);
    const came = await inTime(told, deadlineMs - clock.monotonicMs());
    return came === late ? undefined : came;
  };
}

const failures = (fanOut: FanOut): Losses =>
  Object.fromEntries(fanOut.stats().map(({ name, stats }) => [name, stats.failedSpans]));

/** Spans that came to an exporter so far: to the one that most came to. */
const offered = (fanOut: FanOut): number =>
  Math.max(
    0,
    ...fanOut
      .stats()
      .map(({ stats }) => stats.exportedSpans + stats.queuedSpans + sum(Object.values(stats.failedSpans), (n) => n)),
  );

/**
 * What the gateway itself still has, or broke. Shards that do not answer have what they had when they last did, less what
 * exporters were offered since: that is in their books.
 */
function ownLosses(
  before: readonly ShardStats[] | undefined,
  after: readonly ShardStats[] | undefined,
  offeredSince: number,
): Losses[string] {
  const undecided = after === undefined ? Math.max(1, waitingSpans(before ?? []) - offeredSince) : waitingSpans(after);
  return { undecided, lost: lostSpans(after ?? []) - (after === undefined ? 0 : lostSpans(before ?? [])) };
}

const pipelinesOf = (shards: readonly ShardStats[]): readonly PipelineStats[] =>
  shards.flatMap(({ pipelines }) => pipelines);

const waitingSpans = (shards: readonly ShardStats[]): number =>
  sum(
    pipelinesOf(shards),
    ({ waiting, handedOver, takenOver, batching }) => waiting.spans + handedOver - takenOver + batching.spans,
  );

const lostSpans = (shards: readonly ShardStats[]): number =>
  sum(pipelinesOf(shards), ({ outcomes }) => sum(outcomes, ({ outcome, spans }) => (outcome === 'lost' ? spans : 0)));

/** `after` less `before`, without what is 0. */
function since(after: Losses, before: Losses): Losses {
  const found: Record<string, Record<string, number>> = {};
  for (const [name, reasons] of Object.entries(after))
    for (const [reason, spans] of Object.entries(reasons)) {
      const more = spans - (before[name]?.[reason] ?? 0);
      if (more > 0) found[name] = { ...found[name], [reason]: more };
    }
  return found;
}

export const totalOf = (losses: Losses): number => sum(Object.values(losses), (by) => sum(Object.values(by), (n) => n));

const sum = <T>(all: readonly T[], of: (each: T) => number): number => all.reduce((total, each) => total + of(each), 0);
