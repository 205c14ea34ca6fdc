import { fraction } from '../model/inclusion.ts';
import type { TraceTest } from '../model/predicates.ts';
import type { FirstParts } from './first-parts.ts';

/** One chance of a trace: `luck` where its randomness is `from` or more, and less than `until`. */
interface Chance {
  from: number;
  until: number;
  luck: number;
  /** Lucks of the same source, not 0, contain each other: a hash of the same salt. Others are independent. */
  source: number;
  /** Of its source it has the upper end, not the lower: what a hash does not keep. */
  isUpper: boolean;
  /** To be dropped, not kept. */
  drops: boolean;
}

type ChanceOfTest = TraceTest & {
  readonly source: number;
  readonly isUpper: boolean;
  readonly until: number;
  /** Where that says more: stretches that are apart from each other. */
  readonly parts?: FirstParts | undefined;
};

/**
 * What chances come to together, over all randomness (0 to 1): a trace is kept where some keeper keeps it and no dropper
 * drops it, so between two neighbouring `from` it is kept with the chance that nobody drops it, less that neither keepers nor
 * droppers have it: each a product over sources, as these are independent, of what none of its lucks covers.
 * Horvitz and Thompson's weight of a trace is 1 over the sum of that, whichever policy was the one that kept it; taking
 * the winner's own chance instead would count twice what two policies could have kept.
 */
export class Chances {
  readonly #chances: Chance[] = [];
  #count = 0;
  /** Below it nothing is kept. */
  from = 1;
  /** From here on all is kept; 1 = nowhere. */
  sureFrom = 1;

  /** Luck has no part in it: the lowest threshold says all. */
  isPlain = true;

  clear(): this {
    this.#count = 0;
    this.isPlain = true;
    return this;
  }

  /** The chance that a test has said; `whole`: with all of its parts, whichever was met. */
  addTest(
    { thresholdHigh, thresholdLow, luck, source, isUpper, until, parts }: ChanceOfTest,
    drops = false,
    whole = false,
  ): void {
    if (whole && parts !== undefined) {
      // What it says of the part that was met is not what it comes to.
      this.isPlain = false;
      for (let i = 0; i < parts.count; i++) {
        const stretch = parts.stretches[i];
        this.add(stretch.from, stretch.luck, 0, drops, stretch.until);
      }
    } else this.add(fraction(thresholdHigh, thresholdLow), luck, source, drops, until, isUpper);
  }

  add(from: number, luck: number, source = 0, drops = false, until = 1, isUpper = false): void {
    if (luck <= 0 || from >= until) return;
    if (luck < 1 || drops || until < 1) this.isPlain = false;
    const chance = this.#placeAt(from);
    chance.until = until;
    chance.luck = luck;
    chance.source = source;
    chance.drops = drops;
    chance.isUpper = isUpper;
    if (until === 1) return;
    // Another stretch begins where it ends.
    const end = this.#placeAt(until);
    end.until = 1;
    end.luck = end.source = 0;
    end.drops = false;
  }

  /** Where one that begins at `from` has its place, in their order. Nothing is allocated once there were as many. */
  #placeAt(from: number): Chance {
    const chances = this.#chances;
    if (this.#count === chances.length)
      chances.push({ from, until: 1, luck: 0, source: 0, drops: false, isUpper: false });
    const added = chances[this.#count];
    added.from = from;
    for (let i = this.#count++; i > 0 && chances[i - 1].from > from; i--) {
      chances[i] = chances[i - 1];
      chances[i - 1] = added;
    }
    return added;
  }

  /** The chance of being kept, where nothing is kept below `floor`; sets `from` and `sureFrom`. */
  total(floor = 0): number {
    const chances = this.#chances;
    let total = 0;
    this.from = this.sureFrom = 1;
    for (let i = this.#count - 1; i >= 0; i--) {
      const to = i + 1 < this.#count ? chances[i + 1].from : 1;
      const from = Math.max(floor, chances[i].from);
      if (from >= to) continue;
      const kept = this.#kept(i + 1);
      total += (to - from) * kept;
      if (kept > 0) this.from = from;
      if (kept === 1 && this.sureFrom === to) this.sureFrom = from;
    }
    return total;
  }

  /** Where the first `count` chances have begun. */
  #kept(count: number): number {
    const { from } = this.#chances[count - 1];
    let undropped = 1;
    let untouched = 1;
    for (let i = 0; i < count; i++) {
      const { source, drops, luck, until } = this.#chances[i];
      if (until <= from) continue;
      if (source === 0) {
        if (drops) undropped *= 1 - luck;
        untouched *= 1 - luck;
      } else if (this.#isFirstOfItsKin(i, from)) {
        undropped *= this.#leftBy(source, count, from, true);
        untouched *= this.#leftBy(source, count, from, false);
      }
    }
    return undropped - untouched;
  }

  #isFirstOfItsKin(at: number, from: number): boolean {
    for (let i = 0; i < at; i++)
      if (this.#chances[i].source === this.#chances[at].source && this.#chances[i].until > from) return false;
    return true;
  }

  /** What none of the lucks of one source covers, or of those of them that drop. */
  #leftBy(source: number, count: number, from: number, droppersAlone: boolean): number {
    let lower = 0;
    let upper = 0;
    for (let i = 0; i < count; i++) {
      const chance = this.#chances[i];
      if (chance.source !== source || chance.until <= from || (droppersAlone && !chance.drops)) continue;
      if (chance.isUpper) upper = Math.max(upper, chance.luck);
      else lower = Math.max(lower, chance.luck);
    }
    return Math.max(0, 1 - lower - upper);
  }
}
