import type { StatusCodeName } from './rules.ts';
import { Slice } from './slice.ts';

/**
 * What rules say, in two small trees. Every kind of policy, every knob and every OTTL condition is lowered to these, so
 * that the path knows nothing of kinds: decide/conditions.ts turns what is asked of spans into bits, decide/trace-test.ts
 * what is asked of traces into a test.
 *
 * A span predicate is asked on one span, with its scope and its resource. A trace predicate is asked once, when the wait
 * is over, and `any` of it may be fulfilled by different spans.
 */
export type SpanPredicate =
  | { readonly op: 'and'; readonly of: readonly SpanPredicate[] }
  | { readonly op: 'or'; readonly of: readonly SpanPredicate[] }
  | { readonly op: 'not'; readonly of: SpanPredicate }
  | SpanAtom;

export type SpanAtom =
  | { readonly op: 'status'; readonly codes: readonly StatusCodeName[] }
  /** SpanKind numbers of OTLP: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  | { readonly op: 'kind'; readonly kinds: readonly number[] }
  /** Nanoseconds, end − start; 0 where there is no start or no end, negative where it ends before it starts. */
  | { readonly op: 'duration'; readonly ns: NumberRange }
  /** No parent. */
  | { readonly op: 'root' }
  /** The W3C sampled flag of `flags`. */
  | { readonly op: 'sampled' }
  /** A member of the span's tracestate has one of these values. */
  | { readonly op: 'tracestate'; readonly key: string; readonly values: readonly string[] }
  /** Its name, or that of one of its events, or of its scope; `version` of its scope. */
  | {
      readonly op: 'text';
      readonly of: 'name' | 'event name' | 'scope name' | 'scope version' | 'status message';
      readonly is: ValueTest;
    }
  /** An attribute of the span, its resource or its scope; or of one of its events, whichever. */
  | { readonly op: 'attribute'; readonly of: AttributeOwner; readonly key: string; readonly is: ValueTest }
  /** Whatever cannot be said otherwise: it reads what it needs, after the scan. */
  | { readonly op: 'ask'; readonly asked: string; readonly test: (span: SpanPlace) => boolean };

export type AttributeOwner = 'span' | 'event' | 'scope' | 'resource';

/** Bounds of a number; each may be left out, and belongs to the range where it is not exclusive. */
export interface NumberRange {
  readonly min?: number;
  readonly max?: number;
  readonly minExclusive?: boolean;
  readonly maxExclusive?: boolean;
}

/**
 * What a value must be. Of an attribute it is an AnyValue message; of a text its UTF-8 bytes. `asked` stands for `test`
 * where two of them are to be recognised as one.
 */
export type ValueTest =
  /** There is one, whatever it is. */
  | { readonly is: 'present' }
  /** A string, one of these. */
  | { readonly is: 'string'; readonly values: readonly string[] }
  /** An integer or a double. */
  | { readonly is: 'number'; readonly range: NumberRange }
  | { readonly is: 'boolean'; readonly value: boolean }
  /** `buf[start, end)` is the AnyValue message, or the text; well-formed. */
  | {
      readonly is: 'asked';
      readonly asked: string;
      readonly test: TestOfBytes;
      /**
       * Where one test can say of many such questions that none of them holds: `any` of all their texts together is asked
       * first. The same function is the same kind of question.
       */
      readonly texts?: readonly string[];
      readonly any?: (texts: readonly string[]) => TestOfBytes;
      /** Of a text of two bytes or more that it says yes to the second one is among these; left out = any. */
      readonly secondBytes?: readonly number[] | undefined;
    };

export type TestOfBytes = (buf: Uint8Array, start: number, end: number) => boolean;

/** Where a span lies: its own bytes, and where the lengths of the messages around it stand, see model/slice.ts. */
export interface SpanPlace {
  readonly buf: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly resourceSpansAt: number;
  readonly scopeSpansAt: number;
  /** Two places with the same number have the same resource, or scope, and it lies where it lay; 0 = not known. */
  readonly resourceNumber: number;
  readonly scopeNumber: number;
}

type FilledPlace = { -readonly [K in keyof SpanPlace]: SpanPlace[K] };

/** One that is filled in again for each span. */
export const emptyPlace = (): FilledPlace => ({
  buf: new Uint8Array(0),
  start: 0,
  end: 0,
  resourceSpansAt: 0,
  scopeSpansAt: 0,
  resourceNumber: 0,
  scopeNumber: 0,
});

/** Fills in where the slice stands that rows[row …] describes, in `buf`. */
export function moveTo(place: FilledPlace, buf: Uint8Array, rows: Int32Array, row: number): FilledPlace {
  place.buf = buf;
  place.start = rows[row + Slice.start];
  place.end = place.start + rows[row + Slice.length];
  place.resourceSpansAt = rows[row + Slice.resourceSpans];
  place.scopeSpansAt = rows[row + Slice.scopeSpans];
  return place;
}

export type TracePredicate =
  /** `fails`: where it is neither so nor not so, beside being not so; see decide/failing.ts. */
  | { readonly op: 'and'; readonly of: readonly TracePredicate[]; readonly fails?: TracePredicate }
  | { readonly op: 'or'; readonly of: readonly TracePredicate[] }
  | { readonly op: 'not'; readonly of: TracePredicate }
  /** Some span fulfils it. `faults`: conditions in it that may have no value of a span, of which operators are told. */
  | { readonly op: 'any'; readonly span: SpanPredicate; readonly faults?: readonly FaultTest[] }
  | { readonly op: 'always' }
  | { readonly op: 'never' }
  /** Nanoseconds from its first start to its last end; gaps count. */
  | { readonly op: 'traceDuration'; readonly ns: NumberRange }
  | { readonly op: 'spans'; readonly count: NumberRange }
  /**
   * A share of all traces, 0 to 1, by the trace's own randomness; with a salt by a hash of it and the id, alike on every
   * gateway with that salt.
   */
  | { readonly op: 'share'; readonly share: number; readonly salt?: string }
  /** The first whose `when` is fulfilled is asked what it `decides`, and no other. */
  | {
      readonly op: 'first';
      readonly of: readonly { readonly when: TracePredicate; readonly decides: TracePredicate }[];
    }
  /** Something with a state of its own, such as a rate: made when the rules come in force. `words`: what a yes means. */
  | {
      readonly op: 'stateful';
      readonly asked: string;
      readonly words?: string;
      readonly open: (state: PolicyState) => TraceTest;
    };

/** A condition that is neither true nor false of some spans: an error to the Collector. */
export interface FaultTest {
  /** As it is written. */
  readonly condition: string;
  /** Nobody wants to hear of it. */
  readonly isSilent: boolean;
  /** Whether it has no value of the span; costs time. */
  isFault(span: SpanPlace): boolean;
  /** Why that is so, in words that show nothing of the span's values. */
  why(span: SpanPlace): string;
}

/**
 * What a decision may look at. One object is reused for all traces; nothing of it may be kept.
 */
export interface TraceFacts {
  /** Which conditions held on any of its spans, in the words of model/conditions.ts. */
  readonly bits: Int32Array;
  /** The trace's id in four words, big-endian. */
  readonly id: Int32Array;
  /** The trace's 56 bits of randomness: `rv` where a span carries it, else the last 7 bytes of the trace id. */
  randomnessHigh: number;
  randomnessLow: number;
  spans: number;
  bytes: number;
  /** First start to last end in nanoseconds; 0 where the rules in force do not ask. */
  durationNs: number;
  /** Monotonic ms. */
  now: number;
  /** Its spans, for whoever must look into them: costs time. */
  readonly trace: TraceSpans;
}

export interface TraceSpans {
  /** Goes through the spans in the order of their arrival, until `visit` says false. The place is reused. */
  forEach(visit: (span: SpanPlace) => boolean): void;
}

/** A trace predicate, compiled. */
export interface TraceTest {
  /** Whether the trace fulfils it. */
  ask(facts: TraceFacts): boolean;
  /**
   * After either answer: the threshold that the trace's randomness must reach for a yes, 0 = any; see model/threshold.ts.
   */
  thresholdHigh: number;
  thresholdLow: number;
  /**
   * After either answer: the chance of a yes where the randomness reaches the threshold, by luck that has nothing to do
   * with it, such as a hash's; 1 = sure, and 0 where nothing would have made it a yes. Of a limiter 1 or 0, as it says:
   * given what came before there is no luck in it.
   */
  luck: number;
  /** Sets its chance as `ask` would, takes nothing and counts nothing; needed where asking does. */
  peek?(facts: TraceFacts): void;
  /** It asks a limiter, which refuses traces that nothing else may stand for; see decide/rates/limiter.ts. */
  readonly limits?: boolean;
}

/**
 * What policies remember from one revision of the rules to the next: who says the same under the same name goes on
 * with the state that it had.
 */
export interface PolicyState {
  /** The state of this identity, opened by whoever asks first. */
  of<T>(identity: string, open: () => T): T;
  /** Numbers that all shards see and change with Atomics, zero at first; one shard alone has its own. */
  shared(identity: string, words: number): Int32Array;
  /** Tells traces apart; all shards tell the same ones apart by the same keys. */
  keys(options: KeyOptions): TraceKeys;
  /** How many shards there are. */
  readonly shards: number;
  /** Word 0: how many gateways share a target that is the fleet's; 0 and 1: this one is alone. It may change at any time. */
  readonly members: Int32Array;
}

/** What traces are told apart by. */
export interface KeyOptions {
  /** Attributes of spans and of their resources; a span's own comes first. */
  readonly attributes: readonly string[];
  /** The set of services and span names, too. */
  readonly shape: boolean;
  /** `root`: of the root alone, or where there is none, of the span that came first. `all`: the set of all values. */
  readonly from: 'root' | 'all';
}

export interface TraceKeys {
  /** The key of a trace; never 0. */
  of(facts: TraceFacts): number;
}
