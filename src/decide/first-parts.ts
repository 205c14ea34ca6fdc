import { fraction } from '../model/inclusion.ts';
import type { TraceTest } from '../model/predicates.ts';

/** A stretch of randomness, 0 to 1, and the chance of a yes there. */
interface Stretch {
  from: number;
  until: number;
  luck: number;
}

type Tested = TraceTest & { readonly source: number; readonly until: number };

/** Of more whens that go by chance it is not reckoned: each is compared with each. */
const mostWhens = 16;

/**
 * What tests of which the first that holds decides come to, over all randomness: at each randomness every one of them is
 * the first with some chance, and then what it decides with says yes or no, given what came before. Beside other policies
 * nothing less will do: what they could keep of a trace hangs on which of these it would have met.
 */
export class FirstParts {
  readonly stretches: Stretch[] = [];
  count = 0;
  readonly #whens: (Stretch & { source: number; passes: number })[] = [];
  #size = 0;
  readonly #bounds: number[] = [];

  /** False: there are too many. */
  get isKnown(): boolean {
    return this.#size <= mostWhens;
  }

  clear(): void {
    this.#size = this.count = 0;
  }

  /** One more when, behind the others, and the chance of a yes where it is the first. */
  add({ thresholdHigh, thresholdLow, luck, source, until }: Tested, passes: number): void {
    if (luck <= 0) return;
    const at = this.#size++;
    if (at >= mostWhens) return;
    this.#whens[at] ??= { from: 0, until: 1, luck: 0, source: 0, passes: 0 };
    const when = this.#whens[at];
    when.from = fraction(thresholdHigh, thresholdLow);
    when.until = until;
    when.luck = luck;
    when.source = source;
    when.passes = passes;
  }

  /** All have been added: fills in the stretches, in order. */
  reckon(): void {
    const bounds = this.#bounds;
    bounds.length = 0;
    bounds.push(0, 1);
    for (let i = 0; i < this.#size; i++) bounds.push(this.#whens[i].from, this.#whens[i].until);
    bounds.sort((a, b) => a - b);
    for (let i = 0; i + 1 < bounds.length; i++) {
      if (bounds[i] < bounds[i + 1]) this.#push(bounds[i], bounds[i + 1], this.#luckAt(bounds[i]));
    }
  }

  #push(from: number, until: number, luck: number): void {
    if (luck <= 0) return;
    const last = this.count > 0 ? this.stretches[this.count - 1] : undefined;
    if (last !== undefined && last.until === from && last.luck === luck) {
      last.until = until;
      return;
    }
    this.stretches[this.count] ??= { from: 0, until: 0, luck: 0 };
    const stretch = this.stretches[this.count++];
    stretch.from = from;
    stretch.until = until;
    stretch.luck = luck;
  }

  #luckAt(randomness: number): number {
    let luck = 0;
    for (let i = 0; i < this.#size; i++)
      if (this.#isAt(i, randomness)) luck += this.#firstAt(i, randomness) * this.#whens[i].passes;
    return Math.min(1, luck);
  }

  /** The chance that it holds and none before it does: lucks of one source contain each other, others are independent. */
  #firstAt(i: number, randomness: number): number {
    const { luck, source } = this.#whens[i];
    const kin = source === 0 ? 0 : this.#most(source, i, randomness);
    let chance = Math.max(0, luck - kin);
    for (let j = 0; j < i; j++) {
      const before = this.#whens[j];
      if (!this.#isAt(j, randomness)) continue;
      if (before.source === 0) chance *= 1 - before.luck;
      else if (before.source !== source && !this.#hasKinBefore(j, randomness))
        chance *= 1 - this.#most(before.source, i, randomness);
    }
    return chance;
  }

  #isAt(i: number, randomness: number): boolean {
    return randomness >= this.#whens[i].from && randomness < this.#whens[i].until;
  }

  #hasKinBefore(j: number, randomness: number): boolean {
    for (let k = 0; k < j; k++)
      if (this.#whens[k].source === this.#whens[j].source && this.#isAt(k, randomness)) return true;
    return false;
  }

  /** The greatest luck of a source before the one at `i`. */
  #most(source: number, i: number, randomness: number): number {
    let most = 0;
    for (let j = 0; j < i; j++)
      if (this.#whens[j].source === source && this.#isAt(j, randomness)) most = Math.max(most, this.#whens[j].luck);
    return most;
  }
}
