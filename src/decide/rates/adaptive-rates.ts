import { thresholdOf } from '../../model/threshold.ts';
import { KeyTable } from './key-table.ts';
import { spread } from './spread.ts';

/** Words before the table of keys; the last three are of keys that have no average yet, all of them together. */
const Header = {
  nextAt: 0,
  lastAt: 1,
  lock: 2,
  total: 3,
  burstAt: 4,
  newThreshold: 5,
  newBudget: 6,
  newCount: 7,
} as const;
const headerWords = 8;

/** An entry of the table: key and last use, then these. */
const Entry = { count: 2, threshold: 3, average: 4, budget: 5 } as const;
const entryWords = 6;

/** Rates are never changed sooner: of less time a rate says nothing. */
const soonestMs = 1000;
/** So many times what was expected in an interval, and the next rates are not waited for. */
const burst = 2;
const full = 2 ** 32;

export interface AdaptiveOptions {
  /** What should be kept: units a second, or a share of all, 0 to 1. */
  readonly target: { readonly perSecond: number } | { readonly share: number };
  readonly intervalMs: number;
  /** Of the newest interval in the moving average, 0 to 1. */
  readonly weight: number;
  readonly keys: number;
}

/**
 * Chances by key, so that all that is kept comes to a target, and what is rare keeps more. All shards add what they see
 * to counts in shared memory; whoever first finds the interval over takes the counts, folds them into a moving average
 * by key, spreads the target over the keys, and writes each one's threshold for all to read: one 32-bit word, the upper
 * bits of the 56, so nobody ever reads half of it.
 *
 * The moving average is that of dynsampler-go's EMASampleRate and EMAThroughput (Honeycomb): keys that fade away are
 * forgotten, an interval without traffic changes nothing, and a burst is answered at once. How it is spread: `spread`.
 * Between two adjustments a key that outgrows its budget b is kept with chance b / n from its n-th unit on, so a new key,
 * kept whole at first, takes only b · (1 + ln(n / b)). All chances depend on what came before and never on a trace's own
 * randomness, which they are compared with: so they are exact, and traces with equal randomness are treated alike.
 */
export class AdaptiveRates {
  readonly #words: Int32Array;
  readonly #floats: Float32Array;
  readonly #table: KeyTable;
  readonly #options: AdaptiveOptions;
  readonly #members: Int32Array | undefined;
  /** The threshold of the trace that was asked about last, in 56 bits. */
  thresholdHigh = 0;
  thresholdLow = 0;

  static words(keys: number): number {
    return headerWords + KeyTable.words(keys, entryWords);
  }

  /** `members`: word 0 has how many gateways share a target in units a second; undefined: each has its own. */
  constructor(words: Int32Array, options: AdaptiveOptions, members?: Int32Array) {
    this.#words = words;
    this.#floats = new Float32Array(words.buffer, words.byteOffset, words.length);
    this.#table = new KeyTable(words, headerWords, options.keys, entryWords);
    this.#options = options;
    this.#members = members;
  }

  /** Counts `units` of `key`, and sets the threshold that holds for them. */
  ask(key: number, units: number, now: number): void {
    const words = this.#words;
    const time = now | 0;
    if (Atomics.load(words, Header.nextAt) === 0) this.#begin(time);
    else if (this.#isDue(time)) this.#adjust(time);
    const at = this.#table.at(key, Math.floor(now / 1000), Number.POSITIVE_INFINITY);
    this.#tell(this.#count(at, units));
  }

  /** Sets the threshold that would hold for `key` now; nothing is counted. */
  peek(key: number): void {
    const words = this.#words;
    const at = this.#table.find(key);
    const isKnown = at >= 0 && this.#floats[at + Entry.average] > 0;
    const threshold = words[isKnown ? at + Entry.threshold : Header.newThreshold] >>> 0;
    const before = Atomics.load(words, isKnown ? at + Entry.count : Header.newCount);
    this.#tell(held(threshold, before, this.#floats[isKnown ? at + Entry.budget : Header.newBudget]));
  }

  #tell(threshold: number): void {
    this.thresholdHigh = threshold >>> 8;
    this.thresholdLow = (threshold << 24) >>> 0;
  }

  /** The 32 bits of its threshold. */
  #count(at: number, units: number): number {
    const words = this.#words;
    const floats = this.#floats;
    Atomics.add(words, Header.total, units);
    const before = Atomics.add(words, at + Entry.count, units);
    if (floats[at + Entry.average] > 0)
      return held(words[at + Entry.threshold] >>> 0, before, floats[at + Entry.budget]);
    const news = Atomics.add(words, Header.newCount, units);
    return held(words[Header.newThreshold] >>> 0, news, floats[Header.newBudget]);
  }

  #isDue(time: number): boolean {
    const words = this.#words;
    if (((time - Atomics.load(words, Header.nextAt)) | 0) >= 0) return true;
    const total = Atomics.load(words, Header.total);
    return total > words[Header.burstAt] && ((time - words[Header.lastAt]) | 0) >= soonestMs;
  }

  /** Nothing is known yet, and the first rates come after a second. */
  #begin(time: number): void {
    const words = this.#words;
    const { target } = this.#options;
    words[Header.lastAt] = time;
    if ('share' in target) words[Header.newThreshold] = thresholdWord(target.share);
    else this.#floats[Header.newBudget] = this.#goalOf(target.perSecond, soonestMs);
    Atomics.compareExchange(words, Header.nextAt, 0, (time + soonestMs) | 0 || 1);
  }

  /** Units to keep of an interval in which `sum` come. */
  #goal(sum: number): number {
    const { target, intervalMs } = this.#options;
    return 'share' in target ? target.share * sum : this.#goalOf(target.perSecond, intervalMs);
  }

  /** This gateway's part of a rate, in so much time. */
  #goalOf(perSecond: number, ms: number): number {
    const sharers = this.#members === undefined ? 1 : Math.max(1, Atomics.load(this.#members, 0));
    return (perSecond * ms) / 1000 / sharers;
  }

  #adjust(time: number): void {
    const words = this.#words;
    if (Atomics.compareExchange(words, Header.lock, 0, 1) !== 0) return;
    try {
      const elapsedMs = (time - words[Header.lastAt]) | 0;
      if (elapsedMs < soonestMs) return;
      if (Atomics.exchange(words, Header.total, 0) > 0) this.#fold(this.#options.intervalMs / elapsedMs);
      words[Header.lastAt] = time;
      Atomics.store(words, Header.nextAt, (time + this.#options.intervalMs) | 0 || 1);
    } finally {
      Atomics.store(words, Header.lock, 0);
    }
  }

  /** Counts → averages → thresholds. `scale`: how many such stretches make an interval. */
  #fold(scale: number): void {
    const { weight } = this.#options;
    const words = this.#words;
    const floats = this.#floats;
    const entries: number[] = [];
    const averages: number[] = [];
    const fold = (at: number): void => {
      const count = Atomics.exchange(words, at + Entry.count, 0) * scale;
      const before = floats[at + Entry.average];
      // What has grown by much is believed at once, what has shrunk bit by bit: so a burst is not taken for half of it.
      const average = count > burst * before ? count : before + weight * (count - before);
      if (average < weight && at !== this.#table.others) {
        this.#table.remove(at);
        return;
      }
      floats[at + Entry.average] = average;
      if (average <= 0) return;
      entries.push(at);
      averages.push(average);
    };
    fold(this.#table.others);
    this.#table.forEach(fold);
    const sum = averages.reduce((a, b) => a + b, 0);
    const parts = spread(averages, this.#goal(sum));
    entries.forEach((at, i) => {
      words[at + Entry.threshold] = thresholdWord(parts[i] / averages[i]);
      floats[at + Entry.budget] = parts[i];
    });
    words[Header.newThreshold] = 0;
    words[Header.newCount] = 0;
    floats[Header.newBudget] = this.#goal(sum) / (entries.length + 1);
    words[Header.burstAt] = Math.min(2 ** 31 - 1, burst * sum);
  }
}

/**
 * The threshold of a key of which `before` units came in this interval, `budget` being what may be kept of it (0 = no
 * limit): twice that, and it is held back.
 */
function held(threshold: number, before: number, budget: number): number {
  const most = burst * budget;
  if (budget === 0 || before * (1 - threshold / full) <= most) return threshold;
  return Math.max(threshold, Math.min(full - 1, Math.ceil(full - (most / before) * full)));
}

/** The upper 32 bits of a chance's threshold; of one that is too small, all of them. */
function thresholdWord(chance: number): number {
  if (chance >= 1) return 0;
  const { high, low } = thresholdOf(Math.max(chance, 2 ** -32));
  return (high << 8) | (low >>> 24);
}
