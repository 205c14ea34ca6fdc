import { ConditionsBuilder } from '../decide/conditions.ts';
import { isWithin } from '../decide/number-bits.ts';
import { RequestScan } from '../decode/scan.ts';
import type { SpanConditions } from '../model/conditions.ts';
import {
  emptyPlace,
  moveTo,
  type NumberRange,
  type SpanPlace,
  type SpanPredicate,
  type TracePredicate,
} from '../model/predicates.ts';
import { Slice, sliceWords } from '../model/slice.ts';
import { attributeText, seenSpan } from './seen.ts';
import { durationText, rangeWords, spanWords, traceWords } from './words.ts';

type Vote = 'keep' | 'drop' | 'abstain';

/** A policy, and how it voted on the trace. */
interface Voted {
  readonly when: TracePredicate;
  readonly vote: Vote;
}

/** What is remembered of a decision, whether or not its spans are left. */
export interface Remembered {
  readonly spans: number;
  /** What its longest span took, and the trace; 0 where that is not known. */
  readonly longestNs: number;
  readonly durationNs: number;
  /** Of what was asked of some span: who was so. */
  readonly witness?: { readonly of: SpanPredicate; readonly name: string; readonly service: string } | undefined;
}

/** Spans looked at for a reason: some 100 ms at worst. */
const mostSpans = 20_000;

/**
 * Why each policy voted as it did, in words, from the spans that are left of the trace: which span it was, or what came
 * nearest; where they are gone, from what is remembered. `parts`: export requests. The votes are what they are; where
 * spans are missing, or what was asked for is hidden now, a sentence says what is seen no longer.
 */
export function whyVotes(
  voted: readonly Voted[],
  parts: readonly Uint8Array[],
  remembered: Remembered,
): readonly string[] {
  const asked = new Asked(voted);
  const spans = asked.scan(parts);
  return voted.map(({ when, vote }) => new Sentence(asked, spans, remembered).of(when, vote !== 'abstain'));
}

/** Every question about a span that the policies ask, with its bits. */
class Asked {
  readonly #builder = new ConditionsBuilder();
  readonly #bits = new Map<SpanPredicate, readonly number[]>();
  readonly #conditions: SpanConditions;
  /** Some policy dropped the trace, so that nothing with a state was asked about it. */
  readonly isDropped: boolean;

  constructor(voted: readonly Voted[]) {
    for (const { when } of voted) this.#note(when);
    this.isDropped = voted.some(({ vote }) => vote === 'drop');
    this.#conditions = this.#builder.build();
  }

  scan(parts: readonly Uint8Array[]): SeenRow[] {
    const rows: SeenRow[] = [];
    for (const part of parts) {
      const buf = new Uint8Array(part.length + 64);
      buf.set(part);
      const scan = new RequestScan();
      scan.run(buf, 0, part.length, this.#conditions);
      for (let i = 0; i < scan.count && rows.length < mostSpans; i++) {
        const row = scan.slices.slice(i * scan.stride, (i + 1) * scan.stride);
        rows.push({ place: moveTo(emptyPlace(), buf, row, 0), row });
      }
    }
    return rows;
  }

  holds(predicate: SpanPredicate, { row }: SeenRow): boolean {
    const words = (bit: number): number => (bit < 32 ? row[Slice.bits] : row[sliceWords + (bit >>> 5) - 1]);
    return this.#bits.get(predicate)?.some((bit) => (words(bit) & (1 << (bit & 31))) !== 0) ?? false;
  }

  #note(when: TracePredicate): void {
    if (when.op === 'any') this.#noteSpan(when.span);
    else if (when.op === 'not') this.#note(when.of);
    else if (when.op === 'and' || when.op === 'or') for (const each of when.of) this.#note(each);
    else if (when.op === 'first') {
      for (const each of when.of) {
        this.#note(each.when);
        this.#note(each.decides);
      }
    }
  }

  #noteSpan(predicate: SpanPredicate): void {
    this.#bits.set(predicate, this.#builder.bitsOf(predicate));
    if (predicate.op === 'not') this.#noteSpan(predicate.of);
    else if (predicate.op === 'and' || predicate.op === 'or') for (const each of predicate.of) this.#noteSpan(each);
  }
}

interface SeenRow {
  readonly place: SpanPlace;
  readonly row: Int32Array;
}

class Sentence {
  readonly #asked: Asked;
  readonly #spans: readonly SeenRow[];
  readonly #remembered: Remembered;

  constructor(asked: Asked, spans: readonly SeenRow[], remembered: Remembered) {
    this.#asked = asked;
    this.#spans = spans;
    this.#remembered = remembered;
  }

  of(when: TracePredicate, isSo: boolean): string {
    switch (when.op) {
      case 'any':
        return isSo ? this.#witness(when.span) : this.#none(when.span);
      case 'and':
      case 'or':
        return this.#joined(when.of, when.op, isSo);
      case 'not':
        return this.of(when.of, !isSo);
      case 'traceDuration':
        return this.#took(when.ns, isSo);
      case 'spans':
        return `it has ${this.#remembered.spans} spans, ${isSo ? '' : 'not '}${rangeWords(when.count, String)}`;
      case 'share':
        return isSo ? traceWords(when) : traceWords(when).replace('it is among', 'it is not among');
      case 'first':
        return this.#first(when, isSo);
      case 'stateful':
        if (!isSo && this.#asked.isDropped) return 'it is not asked, as the trace is dropped';
        return isSo ? traceWords(when) : `not: ${traceWords(when)}`;
      default:
        return isSo ? traceWords(when) : `not: ${traceWords(when)}`;
    }
  }

  /** Of those that are joined, the ones that made it so. */
  #joined(of: readonly TracePredicate[], op: 'and' | 'or', isSo: boolean): string {
    const all = op === 'and' ? isSo : !isSo;
    if (all) return of.map((each) => this.of(each, isSo)).join('; ');
    const decisive = of.find((each) => this.#isSo(each) === isSo);
    if (decisive !== undefined) return this.of(decisive, isSo);
    // It was one of those of which the spans do not tell.
    const open = of.filter((each) => this.#isSo(each) === undefined);
    if (open.length === 1) return this.of(open[0], isSo);
    const words = traceWords({ op, of: open.length === 0 ? of : open });
    return isSo ? words : `not (${words})`;
  }

  /** The first that held decided; where the spans do not tell which that was, those that it may have been. */
  #first({ of }: Extract<TracePredicate, { op: 'first' }>, isSo: boolean): string {
    const from = of.findIndex(({ when }) => this.#isSo(when) !== false);
    if (from < 0) return 'none of its policies';
    const { when, decides } = of[from];
    if (this.#isSo(when)) return `${this.of(when, true)}; ${this.of(decides, isSo)}`;
    return `${isSo ? '' : 'not: '}${traceWords({ op: 'first', of: of.slice(from) })}, within its rate`;
  }

  #took(range: NumberRange, isSo: boolean): string {
    const ns = this.#traceNs();
    const words = rangeWords(range, durationText);
    if (isWithin(ns, range) === isSo) return `it took ${durationText(ns)}, ${isSo ? '' : 'not '}${words}`;
    // What came late, or is not left, made it another.
    return `it ${isSo ? 'took' : 'did not take'} ${words}, when it was decided`;
  }

  /** As far as the spans that are left tell; undefined where they do not. */
  #isSo(when: TracePredicate): boolean | undefined {
    if (when.op === 'always' || when.op === 'never') return when.op === 'always';
    if (when.op === 'traceDuration') return isWithin(this.#traceNs(), when.ns);
    if (when.op === 'spans') return isWithin(this.#remembered.spans, when.count);
    if (when.op === 'any') return this.#holdsOfSome(when.span);
    if (when.op === 'not') {
      const inner = this.#isSo(when.of);
      return inner === undefined ? undefined : !inner;
    }
    if (when.op !== 'and' && when.op !== 'or') return undefined;
    const parts = when.of.map((each) => this.#isSo(each));
    const decisive = when.op === 'or';
    if (parts.includes(decisive)) return decisive;
    return parts.includes(undefined) ? undefined : !decisive;
  }

  #witness(predicate: SpanPredicate): string {
    const span = this.#spans.find((each) => this.#asked.holds(predicate, each));
    if (span === undefined) return this.#rememberedWitness(predicate);
    return `${nameOf(span)} ${this.#evidence(predicate, span)}`;
  }

  #rememberedWitness(predicate: SpanPredicate): string {
    const { witness, longestNs } = this.#remembered;
    const isOfLongest = predicate.op === 'duration' && predicate.ns.max === undefined && longestNs > 0;
    const what = isOfLongest ? this.#tookWords(longestNs, predicate.ns) : spanWords(predicate);
    if (witness?.of === predicate) return `${nameWords(witness)} ${what}`;
    return isOfLongest ? `a span ${what}` : `a span ${what}, which is not seen any more`;
  }

  #tookWords(ns: number, range: NumberRange): string {
    return `took ${durationText(ns)}, ${rangeWords(range, durationText)}`;
  }

  /** What of a predicate a span fulfils, with the values that it has. */
  #evidence(predicate: SpanPredicate, span: SeenRow): string {
    if (predicate.op === 'and') return predicate.of.map((each) => this.#evidence(each, span)).join(' and ');
    if (predicate.op === 'or') {
      const one = predicate.of.find((each) => this.#asked.holds(each, span));
      return one === undefined ? spanWords(predicate) : this.#evidence(one, span);
    }
    if (predicate.op === 'duration') return this.#tookWords(seenSpan(span.place).ns, predicate.ns);
    if (predicate.op !== 'attribute') return spanWords(predicate);
    const value = attributeText(span.place, predicate.of, predicate.key);
    const owner = predicate.of === 'span' ? '' : `the ${predicate.of}’s `;
    return value === undefined ? spanWords(predicate) : `has ${owner}${predicate.key} = ${value}`;
  }

  #none(predicate: SpanPredicate): string {
    const { longestNs } = this.#remembered;
    if (this.#spans.length === 0) {
      const nearest = predicate.op === 'duration' && longestNs > 0;
      return `no span ${spanWords(predicate)}${nearest ? `: the longest took ${durationText(longestNs)}` : ''}`;
    }
    // The vote is what it is: what holds of a span now came late.
    const unlike = this.#spans.filter((span) => !this.#asked.holds(predicate, span));
    const when = unlike.length < this.#spans.length ? ', when it was decided' : '';
    return `no span ${spanWords(predicate)}${when}${unlike.length > 0 ? this.#nearest(predicate, unlike) : ''}`;
  }

  #nearest(predicate: SpanPredicate, unlike: readonly SeenRow[]): string {
    if (predicate.op === 'duration') {
      const spans = unlike.map((span) => ({ span, ...seenSpan(span.place) }));
      const longest = spans.reduce((most, each) => (each.ns > most.ns ? each : most));
      return `: the longest took ${durationText(longest.ns)} (${nameOf(longest.span)})`;
    }
    if (predicate.op === 'or')
      return predicate.of.map((each) => this.#nearest(each, unlike)).find((each) => each.includes('it is')) ?? '';
    if (predicate.op !== 'attribute') return '';
    const values = new Set(unlike.map(({ place }) => attributeText(place, predicate.of, predicate.key)));
    values.delete(undefined);
    const [first, second, ...others] = values;
    if (first === undefined) return ': none has it';
    return `: it is ${[first, second].filter(Boolean).join(', ')}${others.length > 0 ? ', …' : ''}`;
  }

  /** Where no spans are left, only the witness tells. */
  #holdsOfSome(predicate: SpanPredicate): boolean | undefined {
    if (this.#spans.length > 0) return this.#spans.some((span) => this.#asked.holds(predicate, span));
    return this.#remembered.witness?.of === predicate ? true : undefined;
  }

  /** What is remembered is what was decided on. */
  #traceNs(): number {
    const { durationNs } = this.#remembered;
    if (durationNs > 0) return durationNs;
    const times = this.#spans
      .map(({ place }) => seenSpan(place))
      .filter(({ startNs, endNs }) => startNs > 0n && endNs > 0n);
    if (times.length === 0) return 0;
    const starts = times.map(({ startNs }) => startNs).sort((a, b) => Number(a - b));
    const ends = times.map(({ endNs }) => endNs).sort((a, b) => Number(b - a));
    return Math.max(0, Number(ends[0] - starts[0]));
  }
}

const nameOf = ({ place }: SeenRow): string => nameWords(seenSpan(place));

function nameWords({ name, service }: { readonly name: string; readonly service: string }): string {
  return `span ${JSON.stringify(name)}${service === '' ? '' : ` of ${service.replaceAll('"', '')}`}`;
}
