import { expect, it } from 'vitest';
import { ReadRounds, roundMs } from '../../src/receive/read-rounds.ts';

/** Rounds whose clock and event loop are in the test's hand. */
function setUp() {
  let now = 1000;
  let cpuMs = 50;
  let next: (() => void) | undefined;
  const served: string[] = [];
  const rounds = new ReadRounds(
    () => now,
    () => cpuMs,
    (run) => {
      if (next !== undefined) throw new Error('asked for two rounds at once');
      next = run;
    },
  );
  const serve = (name: string, tookMs: number, bytes = 1000, interruptedMs = 0): void => {
    const begun = rounds.begin();
    now += tookMs + interruptedMs;
    cpuMs += tookMs;
    served.push(name);
    expect(rounds.end(begun, bytes)).toBe(tookMs);
  };
  return {
    rounds,
    serve,
    /** A read, as a connection has it: served now, or in one of the next rounds. */
    read: (name: string, tookMs: number): void => {
      if (rounds.isSpent) rounds.wait(() => serve(name, tookMs));
      else serve(name, tookMs);
    },
    /** The next round begins; what was served since the last call. */
    turn: (): string[] => {
      const run = next;
      next = undefined;
      run?.();
      return served.splice(0);
    },
    served: () => served.splice(0),
    get isAsked() {
      return next !== undefined;
    },
  };
}

it('serves what comes while there is time, and the rest in the next rounds, first come first served', () => {
  const { read, turn, served } = setUp();
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) read(name, roundMs / 2);
  expect(served()).toEqual(['a', 'b']);
  expect(turn()).toEqual(['c', 'd']);
  expect(turn()).toEqual(['e', 'f']);
});

it('leaves new reads a time of their own beside those that wait, so that neither holds up the other', () => {
  const { read, turn, served } = setUp();
  for (const name of ['a', 'b', 'c', 'd']) read(name, roundMs);
  expect(served()).toEqual(['a']);
  expect(turn()).toEqual(['b']);
  read('new', roundMs);
  expect(served()).toEqual(['new']);
  expect(turn()).toEqual(['c']);
  expect(turn()).toEqual(['d']);
});

it('asks for no round when nothing was read', () => {
  const story = setUp();
  expect(story.isAsked).toBe(false);
  story.read('a', 1);
  expect(story.isAsked).toBe(true);
  story.turn();
  expect(story.isAsked).toBe(false);
});

it('is long after a MiB, though it took no time', () => {
  const { rounds, serve, turn } = setUp();
  for (let i = 0; i < 8; i++) {
    expect(rounds.isLong).toBe(false);
    serve('a', 0, 128 * 1024);
  }
  expect([rounds.isLong, rounds.isSpent]).toEqual([true, false]);
  turn();
  expect(rounds.isLong).toBe(false);
});

it('charges nobody for the time in which others had the processor, once it knows that they do', () => {
  const { rounds, serve, turn } = setUp();
  serve('long', 2);
  turn();
  serve('interrupted', 2, 1000, 100);
  expect(rounds.isSpent).toBe(false);
  serve('long', 3);
  expect(rounds.isSpent).toBe(true);
});
