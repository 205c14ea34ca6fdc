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
  /** To be dropped, not kept. */
  drops: boolean;
}

type ChanceOfTest = TraceTest & {
  readonly source: number;
  readonly until: number;
  /** Where that says more: stretches that are apart from each other. */
  readonly parts?: FirstParts | undefined;
};

/**
 * What chances come to together, over all randomness (0 to 1): a trace is kept where some keeper keeps it and no dropper
 * drops it, so between two neighbouring `from` it is kept with ∏ over droppers (1 − luck) · (1 − ∏ over keepers (1 − luck)).
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
    { thresholdHigh, thresholdLow, luck, source, until, parts }: ChanceOfTest,
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
    } else this.add(fraction(thresholdHigh, thresholdLow), luck, source, drops, until);
  }

  add(from: number, luck: number, source = 0, drops = false, until = 1): void {
    if (luck <= 0 || from >= until) return;
    if (luck < 1 || drops || until < 1) this.isPlain = false;
    this.#insert(from, until, luck, source, drops);
    // Another stretch begins where it ends.
    if (until < 1) this.#insert(until, 1, 0, 0, false);
  }

  /** Kept in the order of `from`. Nothing is allocated once there were as many. */
  #insert(from: number, until: number, luck: number, source: number, drops: boolean): void {
    const chances = this.#chances;
    if (this.#count === chances.length) chances.push({ from: 0, until: 1, luck: 0, source: 0, drops: false });
    const added = chances[this.#count];
    added.from = from;
    added.until = until;
    added.luck = luck;
    added.source = source;
    added.drops = drops;
    for (let i = this.#count++; i > 0 && chances[i - 1].from > from; i--) {
      chances[i] = chances[i - 1];
      chances[i - 1] = added;
    }
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
    const chances = this.#chances;
    const { from } = chances[count - 1];
    let none = 1;
    let undropped = 1;
    for (let i = 0; i < count; i++) {
      const { drops, until } = chances[i];
      if (until <= from) continue;
      const luck = this.#luckBeyondItsKin(i, count);
      if (drops) undropped *= 1 - luck;
      else none *= 1 - luck;
    }
    return undropped * (1 - none);
  }

  /** Of chances of one source only the greatest counts. */
  #luckBeyondItsKin(i: number, count: number): number {
    const { luck, source, drops } = this.#chances[i];
    if (source === 0) return luck;
    for (let j = 0; j < count; j++) {
      const other = this.#chances[j];
      if (j === i || other.source !== source || other.drops !== drops) continue;
      if (other.luck > luck || (other.luck === luck && j < i)) return 0;
    }
    return luck;
  }
}
