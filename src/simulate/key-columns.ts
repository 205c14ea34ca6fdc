import { SpanKey } from '../decide/rates/span-key.ts';
import { keyOfSum, mostKeySpans, mostKeyValues } from '../decide/rates/trace-key.ts';
import type { KeyOptions, SpanPlace } from '../model/predicates.ts';

/** Of each key, in the row of its trace: the sum of its values, how far it is, and when the span came that it is of. */
const Key = { sum: 0, state: 1, after: 2 } as const;
const keyWords = 3;

/** Of a key of the root: nothing yet, the first span's, the root's. Of one of all spans: its last value in the list + 1. */
const [none, first, root] = [0, 1, 2];

/** A value that was seen, and the one before it + 1. */
export const seenWords = 2;
const seenATrace = 8;

/**
 * What policies tell traces apart by, gathered span by span, as decide/rates/trace-key.ts has it of a trace as a whole.
 * Values of all spans of a trace, each once, stand in lists threaded through one pool.
 */
export class KeyColumns {
  readonly words: number;
  seen: Int32Array<ArrayBuffer>;
  seenCount = 0;
  readonly #at: number;
  readonly #keys: readonly { readonly span: SpanKey; readonly isRootOnly: boolean }[];
  /** What one span may add to the pool at most. */
  readonly #mostNew: number;

  /** `at`: where they begin in a row. */
  constructor(keys: readonly KeyOptions[], at: number, { maxTraces, seed }: { maxTraces: number; seed: number }) {
    this.#at = at;
    this.words = keys.length * keyWords;
    this.#keys = keys.map((options) => ({ span: new SpanKey(options, seed), isRootOnly: options.from === 'root' }));
    const ofAll = this.#keys.filter(({ isRootOnly }) => !isRootOnly);
    this.#mostNew = ofAll.reduce((sum, { span }) => sum + span.values.length, 0);
    this.seen = new Int32Array(ofAll.length === 0 ? 0 : (maxTraces * seenATrace + this.#mostNew) * seenWords);
  }

  /** May there be too little room for the next span? */
  get isFull(): boolean {
    return this.#mostNew > 0 && this.seen.length / seenWords - this.seenCount < this.#mostNew;
  }

  /** What lies at the places of spans to come has nothing to do with what lay there. */
  forget(): void {
    for (const { span } of this.#keys) span.forget();
  }

  /** A span of the trace whose row begins at `row` came at `after`; `before`: so many spans of it came before. */
  add(rows: Int32Array, row: number, place: SpanPlace, after: number, before: number): void {
    if (before >= mostKeySpans) return;
    for (let i = 0, at = row + this.#at; i < this.#keys.length; i++, at += keyWords) {
      const { span, isRootOnly } = this.#keys[i];
      if (isRootOnly && rows[at + Key.state] === root) continue;
      span.read(place);
      if (!isRootOnly) for (let n = 0; n < span.values.length; n++) this.#count(rows, at, span.values[n]);
      else if (span.isRoot || rows[at + Key.state] === none) {
        rows[at + Key.sum] = span.sum;
        rows[at + Key.state] = span.isRoot ? root : first;
        rows[at + Key.after] = after;
      }
    }
  }

  /** Adds what another table has of the same trace. */
  merge(mine: Int32Array, to: number, theirs: Int32Array, from: number, seen: Int32Array): void {
    for (let i = 0; i < this.#keys.length; i++) {
      const at = to + this.#at + i * keyWords;
      const other = from + this.#at + i * keyWords;
      const state = theirs[other + Key.state];
      if (!this.#keys[i].isRootOnly) {
        for (let n = state; n > 0; n = seen[(n - 1) * seenWords + 1]) this.#count(mine, at, seen[(n - 1) * seenWords]);
        continue;
      }
      const isEarlier = state === mine[at + Key.state] && theirs[other + Key.after] < mine[at + Key.after];
      if (state > mine[at + Key.state] || isEarlier)
        for (let word = 0; word < keyWords; word++) mine[at + word] = theirs[other + word];
    }
  }

  /** The keys of the trace whose row begins at `row`. */
  read(rows: Int32Array, row: number, into: number[]): void {
    for (let i = 0; i < this.#keys.length; i++) into[i] = keyOfSum(rows[row + this.#at + i * keyWords + Key.sum]);
  }

  /** Begins a new pool, for rows that `move` brings; gives back the old one. */
  begin(): Int32Array {
    const old = this.seen;
    this.seen = new Int32Array(old.length);
    this.seenCount = 0;
    return old;
  }

  /** The lists of a row that stays come from the old pool. */
  move(rows: Int32Array, row: number, old: Int32Array): void {
    for (let i = 0, at = row + this.#at; i < this.#keys.length; i++, at += keyWords) {
      if (this.#keys[i].isRootOnly) continue;
      const last = rows[at + Key.state];
      rows[at + Key.sum] = rows[at + Key.state] = none;
      for (let n = last; n > 0; n = old[(n - 1) * seenWords + 1]) this.#count(rows, at, old[(n - 1) * seenWords]);
    }
  }

  /** A value of all spans' set counts once; where there is no room, no more. */
  #count(rows: Int32Array, at: number, value: number): void {
    const { seen } = this;
    let count = 0;
    for (let n = rows[at + Key.state]; n > 0; n = seen[(n - 1) * seenWords + 1], count++)
      if (seen[(n - 1) * seenWords] === value) return;
    const to = this.seenCount * seenWords;
    if (count >= mostKeyValues || to >= seen.length) return;
    seen[to] = value;
    seen[to + 1] = rows[at + Key.state];
    rows[at + Key.state] = ++this.seenCount;
    rows[at + Key.sum] = (rows[at + Key.sum] + value) | 0;
  }
}
