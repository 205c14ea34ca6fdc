import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Fleet, type NoWord } from '../../src/cluster/fleet.ts';
import { readWord, type Word } from '../../src/cluster/word.ts';
import type { FleetView } from '../../src/model/fleet.ts';
import type { Member } from '../../src/model/member.ts';

const waitMs = 10_000;
const skewMs = 10_000;
/** A member's word is as old as its last turn when it is asked for. */
const beatMs = 1_000;

/** Gateways that hear each other's words at once; the clock stands until somebody turns it. */
class Town {
  now = 1_000_000;
  readonly members: readonly Member[];
  readonly up = new Map<string, { readonly fleet: Fleet; view: FleetView; run: string }>();
  readonly silent = new Set<string>();
  /** Who was told to have crashed, by whom. */
  readonly crashes: string[] = [];
  readonly #runs = new Map<string, number>();

  constructor(names: readonly string[]) {
    this.members = names.map((name, i) => ({ name, address: `10.0.0.${i + 1}:4319` }));
  }

  async start(name: string): Promise<void> {
    const run = `${name}-${this.#runs.get(name) ?? 0}`;
    this.#runs.set(name, (this.#runs.get(name) ?? 0) + 1);
    const fleet = new Fleet({
      self: name,
      selfIn: () => name,
      run,
      waitMs,
      skewMs,
      ask: async (member, word) => this.#ask(member, word),
      publish: (view) => {
        const one = this.up.get(name);
        for (const crashed of view.crashed)
          if (!one?.view?.crashed.includes(crashed)) this.crashes.push(`${crashed} by ${name}`);
        if (one?.run === run) one.view = view;
      },
      later: (run) => run(),
      log: () => {},
      adminPort: () => 8888,
      now: () => this.now,
    });
    this.up.set(name, { fleet, view: undefined as unknown as FleetView, run });
    fleet.name(this.members);
    await fleet.join();
  }

  #ask({ name }: Member, word: Uint8Array): Word | NoWord {
    const asked = this.up.get(name);
    if (this.silent.has(name)) return 'silent';
    if (asked?.view === undefined) return 'unreachable';
    asked.fleet.hear(readWord(word));
    return readWord(asked.view.word);
  }

  view(name: string): FleetView {
    return this.up.get(name)?.view as FleetView;
  }

  /** Time passes, and each asks the others about every second, when it is its turn. */
  async pass(ms: number): Promise<void> {
    const turns = [...this.up.values()].map(({ fleet }, i) => ({ fleet, at: this.now + ((i * 617) % beatMs) }));
    const until = this.now + ms;
    for (;;) {
      const [turn] = turns.sort((a, b) => a.at - b.at);
      if (turn.at > until) break;
      this.now = turn.at;
      await turn.fleet.beat();
      turn.at += beatMs + 1 + ((turn.at * 13) % 60);
    }
  }
}

it('a list that was replaced is forgotten when its time is over, though each hears of it from others somewhat later', async () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];
  const town = new Town(names);
  for (const name of names) await town.start(name);
  await town.pass(60_000);
  town.up.delete('i');
  await town.pass(5_000);
  expect(town.view('a').lists.map((list) => list.members.length)).toEqual([9, 8]);
  await town.pass(waitMs + 3 * skewMs + 5_000);
  expect(names.slice(0, -1).map((name) => town.view(name).lists.length)).toEqual(Array(8).fill(1));
});

it('a gateway that crashed and is there again before anybody missed it has lost what waited there', async () => {
  const town = new Town(['a', 'b', 'c']);
  for (const name of ['a', 'b', 'c']) await town.start(name);
  await town.pass(3_000);
  await town.start('b');
  await town.pass(3_000);
  await town.start('b');
  await town.pass(3_000);
  expect(town.crashes.sort()).toEqual(['b by a', 'b by a', 'b by c', 'b by c']);
});

it('a gateway that says so before it stops, and is there again, has lost nothing', async () => {
  const town = new Town(['a', 'b', 'c']);
  for (const name of ['a', 'b', 'c']) await town.start(name);
  await town.pass(3_000);
  await town.up.get('b')?.fleet.leave();
  await town.start('b');
  await town.pass(3_000);
  expect(town.crashes).toEqual([]);
  expect(town.view('a').lists.at(-1)?.members).toHaveLength(3);
});

it('a silent gateway is not there longer for being suspected', async () => {
  const town = new Town(['a', 'b', 'c']);
  for (const name of ['a', 'b', 'c']) await town.start(name);
  await town.pass(1_000);
  town.silent.add('c');
  const { fleet } = town.up.get('a') as { fleet: Fleet };
  for (let n = 0; n < 5; n++) await fleet.beat();
  expect(town.view('a').lists.at(-1)?.members).toHaveLength(3);
  fleet.suspect('c');
  await turn();
  expect(town.view('a').gone).toEqual(['c']);
});
