import { setTimeout as sleep } from 'node:timers/promises';
import { seeded } from '../support/mutate.ts';
import { swell } from './bytes.ts';
import { type Cost, least, measure, shareOf, usualStallUs } from './cost.ts';
import { below, type Chance, pick, type Target } from './target.ts';
import { type Costly, Worst } from './worst.ts';

export interface Limits {
  readonly seed: number;
  /** Ends after so many inputs, or so long; whichever is first. */
  readonly inputs: number;
  readonly seconds: number;
}

/** An input that did what none may. */
export interface Finding {
  readonly input: Buffer;
  readonly what: string;
}

/** What a hunt has found so far. */
export interface Tally {
  readonly target: string;
  inputs: number;
  bytes: number;
  /** How often an input came to what. */
  readonly outcomes: Map<string, number>;
  readonly worst: Worst;
  readonly findings: Finding[];
}

const maxParents = 1000;
/** After so many of them something is wrong altogether. */
const maxFindings = 10;
/** So long an input may be that has many children, or as long as the longest seed. */
const longBytes = 2_000;
/** One input in so many is a long one. */
const longOnes = 300;
/** How often an input is measured before it is one of the dear ones, and before it is too dear. */
const tries = 4;
const lastTries = 30;

/** Makes inputs for a target, runs them, and charges them. `before` sees each one before it is run. */
export class Hunt {
  readonly tally: Tally;
  readonly #target: Target;
  readonly #before: (input: Buffer) => void;
  readonly #parents: Buffer[];
  readonly #longBytes: number;

  constructor(target: Target, corpus: readonly Buffer[] = [], before: (input: Buffer) => void = () => {}) {
    this.#target = target;
    this.#before = before;
    const seeds = target.seeds();
    this.#parents = [...seeds, ...corpus];
    this.#longBytes = Math.max(longBytes, ...seeds.map(({ length }) => length));
    this.tally = {
      target: target.name,
      inputs: 0,
      bytes: 0,
      outcomes: new Map(),
      worst: new Worst(),
      findings: [],
    };
  }

  /** What the seeds and the corpus do, then new ones, until a limit is reached. */
  async run({ seed, inputs, seconds }: Limits): Promise<Tally> {
    const chance = seeded(seed);
    const until = performance.now() + seconds * 1000;
    for (const parent of [...this.#parents]) await this.take(parent);
    const { tally } = this;
    while (tally.inputs < inputs && performance.now() < until && tally.findings.length < maxFindings) {
      await this.take(this.#next(chance));
      // Others, that is the messages of this thread, have their turn.
      if (tally.inputs % 1000 === 0) await new Promise(setImmediate);
      if (tally.inputs % 20_000 === 0) await tally.worst.settle((costly) => this.#again(costly));
    }
    // A short hunt is not about the worst.
    if (seconds > 10) await tally.worst.settle((costly) => this.#again(costly));
    return tally;
  }

  /** Runs one input; what is wrong with it goes to the findings. */
  async take(input: Buffer): Promise<void> {
    const { tally } = this;
    tally.inputs++;
    tally.bytes += input.length;
    this.#before(input);
    try {
      await this.#charge(input);
    } catch (error) {
      tally.findings.push({ input: Buffer.from(input), what: (error as Error).stack ?? String(error) });
    }
  }

  async #charge(input: Buffer): Promise<void> {
    const { check, budget } = this.#target;
    const { result: outcome, cost: first } = await measure(this.#target, input);
    await check?.(input, outcome);
    this.#note(outcome, input);
    const { worst } = this.tally;
    if (shareOf(first, input.length, budget) <= Math.min(1, worst.least)) return;
    // Once more, and again while it looks dear: what runs for the first time is slow, and others run beside us.
    let cost = first;
    for (
      let n = 1;
      n < lastTries && shareOf(cost, input.length, budget) > (n < tries ? Math.min(1, worst.least) : 1);
      n++
    ) {
      if (n >= tries) await sleep(10 * n);
      cost = least(cost, (await measure(this.#target, input)).cost);
    }
    const share = shareOf(cost, input.length, budget);
    if (share > 1) throw new Error(dear(cost, input.length, outcome));
    if (share > worst.least) worst.offer({ input, cost, share, outcome });
  }

  async #again(costly: Costly): Promise<Costly> {
    const { input, outcome } = costly;
    let { cost } = costly;
    for (let n = 0; n < tries; n++) cost = least(cost, (await measure(this.#target, input)).cost);
    return { input, outcome, cost, share: shareOf(cost, input.length, this.#target.budget) };
  }

  #note(outcome: string, input: Buffer): void {
    const { outcomes } = this.tally;
    const times = outcomes.get(outcome) ?? 0;
    outcomes.set(outcome, times + 1);
    if (times === 0 && this.#parents.length < maxParents) this.#parents.push(Buffer.from(input));
  }

  #next(chance: Chance): Buffer {
    const { change, maxBytes } = this.#target;
    const { found } = this.tally.worst;
    const choose = (): Buffer =>
      found.length > 0 && chance() < 0.2 ? pick(found, chance).input : pick(this.#parents, chance);
    let parent = choose();
    // Mostly short ones, of which there can be many.
    for (let n = 0; n < 8 && parent.length > this.#longBytes; n++) parent = choose();
    let input = change(parent, chance);
    if (below(longOnes, chance) === 0) input = swell(input, chance, maxBytes);
    return input.subarray(0, maxBytes);
  }
}

function dear({ cpuUs, memoryBytes }: Cost, bytes: number, outcome: string): string {
  const stall = cpuUs > usualStallUs ? 'stalls: ' : '';
  return `${stall}${bytes} bytes cost ${cpuUs} µs and ${memoryBytes} bytes of memory (${outcome})`;
}
