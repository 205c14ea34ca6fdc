import { setImmediate as turn } from 'node:timers/promises';
import { Fleet, gatherMs, type NoWord } from '../../src/cluster/fleet.ts';
import { Ownership } from '../../src/cluster/ownership.ts';
import { readWord, type Word } from '../../src/cluster/word.ts';
import type { FleetView, MemberList } from '../../src/model/fleet.ts';
import type { Member } from '../../src/model/member.ts';
import { FleetPaths, fromSender, type OwnedList, type Way } from '../../src/route/fleet-path.ts';
import { random } from './random.ts';

export const [waitMs, skewMs, beatMs] = [3_000, 10_000, 1_000];
const spansPerTrace = 6;
const spreadMs = 1_500;
/** At most; a call and its answer take two of them, and a member's shards hear of its view within one. */
const delayMs = 40;
const silentAfterMs = 900;

/** As paths want them. */
export const ownedLists = (lists: readonly MemberList[]): OwnedList[] =>
  lists.map(({ members, ...place }) => ({ ...place, owners: Ownership.of(members) }));

interface Townsman {
  readonly fleet: Fleet;
  view: FleetView;
  readonly traces: Set<number>;
}

/**
 * Gateways that ask each other in their own time over a network with delays, which may be cut, and spans of traces that
 * come to any of them. All of it goes by one list of events, so a seed always tells the same story.
 */
export class Town {
  readonly #next: () => number;
  readonly #events: { readonly at: number; readonly run: () => unknown }[] = [];
  readonly #members: readonly Member[];
  readonly #up = new Map<string, Townsman>();
  #isCut: (by: string, of: string) => boolean = () => false;
  #traces = 0;
  readonly #closed = new Set<string>();
  /** Of those that stopped. */
  readonly #judged: [number, string][] = [];
  /** How often spans went from member to member, by trace. */
  readonly hops: number[] = [];
  now = 1_000_000;

  constructor(names: string, seed: number) {
    this.#next = random(seed);
    this.#members = [...names].map((name, i) => ({ name, address: `10.0.0.${i + 1}:4319` }));
  }

  below(most: number): number {
    return Math.floor(this.#next() * most);
  }

  cut(isCut: (by: string, of: string) => boolean): void {
    this.#isCut = isCut;
  }

  async start(name: string): Promise<void> {
    const one = { view: undefined, traces: new Set<number>() } as unknown as Townsman;
    const fleet = new Fleet({
      self: name,
      selfIn: () => name,
      run: `${name}-${this.now}`,
      waitMs,
      skewMs,
      ask: (member, word) => this.#ask(name, member.name, word),
      publish: (view) => this.#after(this.below(delayMs), () => void (one.view = view)),
      later: (run) => void this.#after(gatherMs, run),
      log: () => {},
      adminPort: () => 8888,
      now: () => this.now,
    });
    Object.assign(one, { fleet });
    fleet.name(this.#members);
    this.#closed.add(name);
    await fleet.join();
    this.#up.set(name, one);
    await this.#after(delayMs);
    this.#closed.delete(name);
    const beat = async (): Promise<void> => {
      if (this.#up.get(name) !== one) return;
      await fleet.beat();
      void this.#after(beatMs + this.below(30), beat);
    };
    void beat();
  }

  /** It says so, finishes what waits there, and is gone; senders go to others from the beginning on. */
  async stop(name: string): Promise<void> {
    const { fleet, traces } = this.#up.get(name) as Townsman;
    this.#closed.add(name);
    await fleet.leave();
    await this.#after(waitMs + 500);
    this.#up.delete(name);
    for (const trace of traces) this.#judged.push([trace, name]);
  }

  /** What is in force at each, as letters. */
  get inForce(): string[] {
    return [...this.#up.values()].map(({ fleet }) => fleet.lists.inForce.members.map(({ name }) => name).join(''));
  }

  /** What each remembers, oldest first. */
  get remembered(): string[] {
    const letters = ({ members }: MemberList) => members.map(({ name }) => name).join('');
    return [...this.#up.values()].map(({ fleet }) => fleet.lists.all.map(letters).join(' '));
  }

  /** So many traces begin between now and then, and send their spans to anybody. */
  trace(count: number, withinMs: number): void {
    for (let i = 0; i < count; i++) {
      const trace = this.#traces++;
      this.hops[trace] = 0;
      const first = this.below(withinMs);
      for (let span = 0; span < spansPerTrace; span++) {
        void this.#after(first + this.below(spreadMs), () => {
          const open = [...this.#up.keys()].filter((name) => !this.#closed.has(name));
          this.#route(trace, open[this.below(open.length)], fromSender);
        });
      }
    }
  }

  /** Those that are not whole, by the members that have a part of them. */
  get split(): string[] {
    return Array.from({ length: this.#traces }, (_, trace) => [
      ...[...this.#up].filter(([, { traces }]) => traces.has(trace)).map(([name]) => name),
      ...this.#judged.filter(([it]) => it === trace).map(([, name]) => name),
    ])
      .map((takers, trace) => `${trace}: ${takers.join('')}`)
      .filter((it) => it.split(': ')[1].length !== 1);
  }

  async pass(ms: number): Promise<void> {
    const until = this.now + ms;
    for (;;) {
      await turn();
      let soonest = -1;
      for (let i = 0; i < this.#events.length; i++)
        if (soonest < 0 || this.#events[i].at < this.#events[soonest].at) soonest = i;
      if (soonest < 0 || this.#events[soonest].at > until) break;
      const [event] = this.#events.splice(soonest, 1);
      this.now = event.at;
      event.run();
    }
    this.now = until;
  }

  #route(trace: number, self: string, { visited, at }: Way): void {
    const { view, traces } = this.#up.get(self) as Townsman;
    const paths = new FleetPaths(ownedLists(view.lists), view.first, new Set([...view.gone, ...this.#away()]));
    const path = paths.of(Math.imul(trace, 0x9e3779b1), trace);
    const next = traces.has(trace) ? undefined : paths.next(path, self, { visited, at });
    if (next === undefined) return void traces.add(trace);
    this.hops[trace]++;
    const way = { visited: [...visited, next.name], at: next.at };
    void this.#after(this.below(delayMs), () => {
      if (this.#up.get(next.name)?.view !== undefined) this.#route(trace, next.name, way);
      else this.#route(trace, self, { visited, at });
    });
  }

  /** Nobody listens at their addresses, and whoever sends there finds it out at once. */
  #away(): readonly string[] {
    return this.#members.map(({ name }) => name).filter((name) => this.#up.get(name)?.view === undefined);
  }

  async #ask(by: string, of: string, word: Uint8Array): Promise<Word | NoWord> {
    if (this.#isCut(by, of)) {
      await this.#after(silentAfterMs);
      return 'silent';
    }
    await this.#after(this.below(delayMs));
    const asked = this.#up.get(of);
    if (asked?.view === undefined) return 'unreachable';
    asked.fleet.hear(readWord(word));
    const answer = asked.view.word;
    await this.#after(this.below(delayMs));
    return readWord(answer);
  }

  #after(ms: number, run: () => unknown = () => {}): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const at = this.now + ms;
    this.#events.push({
      at,
      run: () => {
        resolve();
        return run();
      },
    });
    return promise;
  }
}
