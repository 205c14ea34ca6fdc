import { describe, expect, it } from 'vitest';
import { Turns, workThrough } from '../../src/receive/turns.ts';

/** A loop whose turns and clock go by hand. */
function makeLoop() {
  let now = 0;
  const next: (() => void)[] = [];
  const turns = new Turns({ monotonicMs: () => now, unixMs: () => 0 }, (run) => void next.push(run));
  return {
    turns,
    pass: (ms: number) => void (now += ms),
    /** The loop's next turn, and what follows from it at once. */
    turn: async () => {
      for (const run of next.splice(0)) run();
      for (let i = 0; i < 10; i++) await Promise.resolve();
    },
  };
}

describe('large bodies', () => {
  it('take slices in turn, one a turn of the loop, until each is done', async () => {
    const { turns, pass, turn } = makeLoop();
    const done: string[] = [];
    function* work(name: string, steps: number): Generator<undefined, string> {
      for (let i = 0; i < steps; i++) {
        done.push(name);
        pass(1);
        yield;
      }
      return name;
    }
    const ends = Promise.all([turns.take(work('a', 9), () => false), turns.take(work('b', 5), () => false)]);
    expect(done).toEqual([]);
    const slices = ['aaaa', 'bbbb', 'aaaa', 'b', 'a'];
    for (const slice of slices) {
      done.length = 0;
      await turn();
      expect(done.join('')).toBe(slice);
    }
    expect(await ends).toEqual(['a', 'b']);
  });

  it('are let go before the next slice when nobody needs them, and the others go on', async () => {
    const { turns, pass, turn } = makeLoop();
    let steps = 0;
    function* endless(): Generator<undefined, never> {
      for (;;) {
        steps++;
        pass(1);
        yield;
      }
    }
    let gone = false;
    const left = turns.take(endless(), () => gone);
    await turn();
    gone = true;
    const other = turns.take(
      (function* (): Generator<undefined, number> {
        yield;
        return 7;
      })(),
      () => false,
    );
    await turn();
    await turn();
    expect([await left, await other, steps]).toEqual([undefined, 7, 4]);
  });

  it('that are small are done at once', () => {
    expect(
      workThrough(
        (function* (): Generator<undefined, number> {
          yield;
          return 5;
        })(),
      ),
    ).toBe(5);
  });
});
