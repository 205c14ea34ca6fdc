import { getHeapStatistics } from 'node:v8';
import { caseOf, number, prepare } from './corpus.ts';

/** What every stage of bench/micro.ts is given: sixteen requests of the usual shape. */
export const shape = caseOf('whole');
export const requests = Array.from({ length: 16 }, (_, i) => {
  const prepared = prepare(shape, 0, 1_790_000_000_000);
  number(prepared, i * 64);
  const bytes = new Uint8Array(prepared.bytes.length + 64);
  bytes.set(prepared.bytes);
  return { bytes, length: prepared.bytes.length };
});
export const spansInRequests = requests.length * shape.spansPerRequest;

/** Bytes of the JavaScript heap allocated so far; only differences over many turns mean anything. */
export const allocated = (): number => getHeapStatistics().total_allocated_bytes;

/** Runs a turn, which says how many spans it handled: nanoseconds by each. */
export function timed(turn: () => number): number {
  const start = performance.now();
  const handled = turn();
  return ((performance.now() - start) * 1e6) / handled;
}

/** Milliseconds of a core that this thread has had so far, to a tick of the system's (some 4 ms). */
export function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** What a turn has taken so far; what others took of the core meanwhile does not count. */
export class TurnCost {
  readonly #turn: () => number;
  #ms = 0;
  handled = 0;

  constructor(turn: () => number) {
    this.#turn = turn;
  }

  /** Runs it until it has had so much of a core. */
  run(ms: number): void {
    const from = threadCpuMs();
    while (threadCpuMs() - from < ms) this.handled += this.#turn();
    this.#ms += threadCpuMs() - from;
  }

  get ns(): number {
    return (this.#ms * 1e6) / this.handled;
  }
}

/** What turns take of a core, one after the other in rounds once their code is compiled. */
export function inTurns(turns: readonly (() => number)[], rounds = 6): readonly number[] {
  for (const turn of turns) new TurnCost(turn).run(300);
  const costs = turns.map((turn) => new TurnCost(turn));
  for (let round = 0; round < rounds; round++) for (const cost of costs) cost.run(100);
  return costs.map(({ ns }) => ns);
}

/** Runs a turn until its code is compiled, then prints what it takes of a core on average. */
export function report(name: string, turn: () => number, seconds = 1.5): number {
  new TurnCost(turn).run(400);
  const cost = new TurnCost(turn);
  const before = allocated();
  cost.run(seconds * 1000);
  print(name, cost.ns, (allocated() - before) / cost.handled);
  return cost.ns;
}

export function print(name: string, ns: number, bytes?: number, more = ''): void {
  const heap = bytes === undefined ? '' : `${bytes.toFixed(2).padStart(9)} B allocated`;
  console.log(`${name.padEnd(56)} ${ns.toFixed(1).padStart(8)} ns ${heap}${more}`.trimEnd());
}

export const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1];
