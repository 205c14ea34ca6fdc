import { fraction } from '../model/inclusion.ts';
import type { TraceTest } from '../model/predicates.ts';

/** A stretch of randomness, 0 to 1, and the chance of a yes there. */
interface Stretch {
  from: number;
  until: number;
  luck: number;
}

/** Of a test that may come first: `passes` is the chance of a yes where it does, `kin` the place of its source, or -1. */
interface When extends Stretch {
  kin: number;
  isUpper: boolean;
  passes: number;
}

type Tested = TraceTest & { readonly source: number; readonly isUpper: boolean; readonly until: number };

/**
 * What tests of which the first that holds decides come to, over all randomness: at each randomness every one of them is
 * the first with some chance, and then what it decides with says yes or no, given what came before. Beside other policies
 * nothing less will do: what they could keep of a trace hangs on which of these it would have met. Exact for any number of
 * them, in time that grows with its square: each stretch is walked through once.
 */
export class FirstParts {
  readonly stretches: Stretch[] = [];
  count = 0;
  readonly #whens: When[] = [];
  #size = 0;
  readonly #bounds: number[] = [];
  readonly #sources: number[] = [];
  /** Of each source, the greatest lucks that were asked so far, from its lower end and from its upper one. */
  readonly #lower: number[] = [];
  readonly #upper: number[] = [];

  clear(): void {
    this.#size = this.count = this.#sources.length = 0;
  }

  /** One more when, behind the others, and the chance of a yes where it is the first. */
  add({ thresholdHigh, thresholdLow, luck, source, isUpper, until }: Tested, passes: number): void {
    if (luck <= 0) return;
    const at = this.#size++;
    this.#whens[at] ??= { from: 0, until: 1, luck: 0, kin: -1, isUpper: false, passes: 0 };
    const when = this.#whens[at];
    when.from = fraction(thresholdHigh, thresholdLow);
    when.until = until;
    when.luck = luck;
    when.kin = source === 0 ? -1 : this.#kinOf(source);
    when.isUpper = isUpper;
    when.passes = passes;
  }

  #kinOf(source: number): number {
    const known = this.#sources.indexOf(source);
    return known >= 0 ? known : this.#sources.push(source) - 1;
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

  /**
   * Each is the first with the chance that it holds and none before it did. Lucks of one source contain each other, so of
   * those only what is beyond the greatest so far is new; others are independent.
   */
  #luckAt(randomness: number): number {
    for (let kin = 0; kin < this.#sources.length; kin++) this.#lower[kin] = this.#upper[kin] = 0;
    let luck = 0;
    let none = 1;
    for (let i = 0; i < this.#size && none > 0; i++) {
      const when = this.#whens[i];
      if (randomness < when.from || randomness >= when.until) continue;
      const left = when.kin < 0 ? 1 - when.luck : this.#leftBy(when);
      luck += none * (1 - left) * when.passes;
      none *= left;
    }
    return Math.min(1, luck);
  }

  /** Of what those before it of its source have left, the part that it leaves. */
  #leftBy({ kin, isUpper, luck }: When): number {
    const asked = isUpper ? this.#upper : this.#lower;
    const before = 1 - this.#lower[kin] - this.#upper[kin];
    asked[kin] = Math.max(asked[kin], luck);
    return before <= 0 ? 0 : Math.max(0, 1 - this.#lower[kin] - this.#upper[kin]) / before;
  }
}
