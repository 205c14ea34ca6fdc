import {
  type AttributeCondition,
  type Compound,
  type EnvelopeConditions,
  firstWordBits,
  type MoreConditions,
  maxWords,
  type NumberBits,
  type SpanConditions,
} from '../model/conditions.ts';
import type { SpanAtom, SpanPredicate } from '../model/predicates.ts';
import { sliceWords } from '../model/slice.ts';
import { atomsOf, follows } from './compound.ts';
import { maskOf } from './mask.ts';
import { numberBits } from './number-bits.ts';
import { tracestateBits } from './tracestate-bits.ts';
import { secondsOf, textBits, type ValueBit, valueBits } from './value-bits.ts';

const codes = { UNSET: 0, OK: 1, ERROR: 2 } as const;
const utf8 = new TextEncoder();
const timesWords = 4;

type Asked<Op extends SpanAtom['op']> = { readonly atom: Extract<SpanAtom, { op: Op }>; readonly bit: number };

/** Gathers what the policies of one document ask of spans; each question becomes a bit, the same one the same bit. */
export class ConditionsBuilder {
  readonly #bits = new Map<string, number>();
  readonly #asked: { readonly atom: SpanAtom; readonly bit: number }[] = [];
  /** In the order in which their bits are set: those that others ask for come first. */
  readonly #compounds: { readonly predicate: SpanPredicate; readonly bit: number }[] = [];
  /** What must be asked of the span's bytes: in how many compounds, and whether for itself. */
  readonly #asks = new Map<number, { inside: number; alone: boolean }>();
  #asksTimes = false;
  /** More was asked than there are bits. */
  isFull = false;

  /** The bits of which a span sets at least one where it fulfils the predicate, and none where it does not. */
  bitsOf(predicate: SpanPredicate): readonly number[] {
    if (predicate.op === 'or') return [...new Set(predicate.of.flatMap((each) => this.bitsOf(each)))];
    const bit = this.#bitOf(predicate);
    const ask = this.#asks.get(bit);
    if (predicate.op === 'ask' && ask) ask.alone = true;
    return [bit];
  }

  /** When the first span of a trace started and the last one ended will be known. */
  askTimes(): void {
    this.#asksTimes = true;
  }

  build(): SpanConditions {
    const words = Math.max(1, ...[...this.#bits.values()].map((bit) => (bit >>> 5) + 1));
    const timesAt = this.#asksTimes ? sliceWords + words - 1 : 0;
    const slow = this.#slowAlone();
    return {
      words,
      rowWords: sliceWords + words - 1 + (this.#asksTimes ? timesWords : 0),
      timesAt,
      statusBits: Int32Array.of(0, 1, 2, 3).map((code) => this.#statusMask(code).low),
      slowNs: slow?.atom.ns.min ?? Number.POSITIVE_INFINITY,
      slowBits: slow === undefined ? 0 : 1 << slow.bit,
      attributes: this.#attributes('span'),
      more: this.#more(words, slow !== undefined),
      resource: this.#envelope('resource'),
      scope: this.#envelope('scope'),
      compounds: this.#builtCompounds(),
      identity: [...this.#bits.keys(), this.#asksTimes ? 'times' : ''].join('\n'),
    };
  }

  #bitOf(predicate: SpanPredicate): number {
    if (this.isFull) return 0;
    const asked = JSON.stringify(predicate);
    const known = this.#bits.get(asked);
    if (known !== undefined) return known;
    if (predicate.op === 'and' || predicate.op === 'or' || predicate.op === 'not') {
      const bits = new Set(atomsOf(predicate).map((atom) => this.#bitOf(atom)));
      for (const atom of bits) {
        const ask = this.#asks.get(atom);
        if (ask) ask.inside++;
      }
      const bit = this.#next(asked);
      this.#compounds.push({ bit, predicate });
      return bit;
    }
    const bit = this.#next(asked);
    if (predicate.op === 'ask') {
      this.#compounds.push({ bit, predicate });
      this.#asks.set(bit, { inside: 0, alone: false });
    } else this.#asked.push({ atom: predicate, bit });
    return bit;
  }

  /** What only one compound asks has no bit of its own: it is asked there, if what costs less has not decided. */
  #builtCompounds(): Compound[] {
    const isInside = (bit: number): boolean => {
      const ask = this.#asks.get(bit);
      return ask !== undefined && !ask.alone && ask.inside === 1;
    };
    const bitOf = (atom: SpanAtom): number | undefined => {
      const bit = this.#bitOf(atom);
      return isInside(bit) ? undefined : bit;
    };
    return this.#compounds
      .filter(({ bit }) => !isInside(bit))
      .map(({ bit, predicate }) =>
        predicate.op === 'ask'
          ? { bit, follows: (_, __, ___, span) => predicate.test(span) }
          : { bit, follows: follows(predicate, bitOf) },
      );
  }

  #next(asked: string): number {
    const n = this.#bits.size;
    const bit = n < firstWordBits ? n : n - firstWordBits + 32;
    if (bit >= maxWords * 32) {
      this.isFull = true;
      return 0;
    }
    this.#bits.set(asked, bit);
    return bit;
  }

  #of<Op extends SpanAtom['op']>(op: Op): readonly Asked<Op>[] {
    return this.#asked.filter(({ atom }) => atom.op === op) as unknown as readonly Asked<Op>[];
  }

  #statusMask(code: number) {
    const asks = this.#of('status').filter(({ atom }) => atom.codes.some((name) => codes[name] === code));
    return maskOf(asks.map(({ bit }) => bit));
  }

  /** One threshold alone, as the knob has it, is compared by the scan itself. */
  #slowAlone(): Asked<'duration'> | undefined {
    const [one, ...others] = this.#of('duration');
    const { min, max, minExclusive } = one?.atom.ns ?? {};
    const isPlain = min !== undefined && minExclusive && max === undefined && one !== undefined && one.bit < 32;
    return isPlain && others.length === 0 ? one : undefined;
  }

  #attributes(owner: 'span' | 'event' | 'scope' | 'resource'): readonly AttributeCondition[] {
    const byKey = new Map<string, ValueBit[]>();
    for (const { atom, bit } of this.#of('attribute')) {
      if (atom.of !== owner) continue;
      const questions = byKey.get(atom.key);
      if (questions === undefined) byKey.set(atom.key, [{ test: atom.is, bit }]);
      else questions.push({ test: atom.is, bit });
    }
    return [...byKey].map(([key, questions]) => {
      const { low, wide } = maskOf(questions.map(({ bit }) => bit));
      return {
        key: utf8.encode(key),
        bits: wide === undefined ? low : 0,
        seconds: secondsOf(questions),
        match: valueBits(questions),
      };
    });
  }

  #more(words: number, slowAlone: boolean): MoreConditions | undefined {
    const code = (is: number) => ({ range: { min: is, max: is } });
    const status = this.#of('status').flatMap(({ atom, bit }) =>
      bit < 32 ? [] : atom.codes.map((name) => ({ ...code(codes[name]), bit })),
    );
    const kinds = this.#of('kind').flatMap(({ atom, bit }) => atom.kinds.map((kind) => ({ ...code(kind), bit })));
    const durations = slowAlone ? [] : this.#of('duration').map(({ atom, bit }) => ({ range: atom.ns, bit }));
    const ones = (op: 'root' | 'sampled') => this.#of(op).map(({ bit }) => ({ ...code(1), bit }));
    const numbers = (questions: Parameters<typeof numberBits>[0]): NumberBits | undefined =>
      questions.length === 0 ? undefined : numberBits(questions);
    const states = this.#of('tracestate');
    const more: MoreConditions = {
      status: numbers(status),
      kind: numbers(kinds),
      duration: numbers(durations),
      root: numbers(ones('root')),
      sampled: numbers(ones('sampled')),
      name: this.#texts('name'),
      statusMessage: this.#texts('status message'),
      tracestate: states.length === 0 ? undefined : tracestateBits(states),
      eventName: this.#texts('event name'),
      eventAttributes: this.#attributes('event'),
    };
    const isEmpty = Object.values(more).every((each) => each === undefined || each.length === 0);
    return isEmpty && words === 1 ? undefined : more;
  }

  #texts(of: Extract<SpanAtom, { op: 'text' }>['of']) {
    const asks = this.#of('text').filter(({ atom }) => atom.of === of);
    return asks.length === 0 ? undefined : textBits(asks.map(({ atom, bit }): ValueBit => ({ test: atom.is, bit })));
  }

  #envelope(owner: 'resource' | 'scope'): EnvelopeConditions | undefined {
    const attributes = this.#attributes(owner);
    const isScope = owner === 'scope';
    const [name, version] = [
      isScope ? this.#texts('scope name') : undefined,
      isScope ? this.#texts('scope version') : undefined,
    ];
    return attributes.length === 0 && !name && !version ? undefined : { attributes, name, version };
  }
}

/** Nothing is asked: of spans whose bits nobody will look at. */
export const noConditions: SpanConditions = new ConditionsBuilder().build();
