import type { NumberRange, SpanAtom, SpanPredicate, TracePredicate, ValueTest } from '../model/predicates.ts';

const kinds = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'];

/** What a predicate says of a span, such as `took over 500 ms`. */
export function spanWords(predicate: SpanPredicate): string {
  if (predicate.op === 'not') return `not (${spanWords(predicate.of)})`;
  if (predicate.op !== 'and' && predicate.op !== 'or') return atomWords(predicate);
  const [first, ...others] = new Set(predicate.of.map(predicate.op === 'or' ? alikeWords : spanWords));
  if (first === undefined) return predicate.op === 'and' ? 'is any span' : 'is no span';
  return [first, ...others].join(predicate.op === 'and' ? ' and ' : ' or ');
}

/** The same question about several attributes, as a route is, reads as one. */
function alikeWords(predicate: SpanPredicate): string {
  const isAlike = predicate.op === 'attribute' && predicate.is.is === 'asked' && predicate.is.texts !== undefined;
  return isAlike ? `is on one of the ${(predicate.is as { asked: string }).asked}` : spanWords(predicate);
}

function atomWords(atom: SpanAtom): string {
  switch (atom.op) {
    case 'status':
      return `has status ${atom.codes.join(' or ')}`;
    case 'kind':
      return `is of kind ${atom.kinds.map((kind) => kinds[kind]).join(' or ')}`;
    case 'duration':
      return `took ${rangeWords(atom.ns, durationText)}`;
    case 'root':
      return 'is a root';
    case 'sampled':
      return 'has the sampled flag';
    case 'tracestate':
      return `has ${atom.values.map((value) => `${atom.key}=${value}`).join(' or ')} in its tracestate`;
    case 'text':
      return `has a ${atom.of} ${valueWords(atom.is)}`;
    case 'attribute':
      return `has ${atom.of === 'span' ? '' : `the ${atom.of}’s `}${atom.key} ${valueWords(atom.is)}`;
    case 'ask':
      return `fulfils ${atom.asked}`;
  }
}

function valueWords(test: ValueTest): string {
  switch (test.is) {
    case 'present':
      return 'of any value';
    case 'string':
      return `= ${some(test.values.map((value) => JSON.stringify(value)))}`;
    case 'number':
      return rangeWords(test.range, String);
    case 'boolean':
      return `= ${test.value}`;
    case 'asked':
      return `as asked (${test.asked})`;
  }
}

const some = (all: readonly string[]): string =>
  all.length > 4 ? `${all.slice(0, 4).join(' or ')} or ${all.length - 4} others` : all.join(' or ');

/** `over 500 ms`, `200 to 300`, `over 100 ms and at most 200 ms`. */
export function rangeWords({ min, max, minExclusive, maxExclusive }: NumberRange, text: (n: number) => string): string {
  const low = min === undefined ? '' : minExclusive ? `over ${text(min)}` : `${text(min)} or more`;
  const high = max === undefined ? '' : maxExclusive ? `under ${text(max)}` : `at most ${text(max)}`;
  if (min !== undefined && min === max) return text(min);
  return [low, high].filter((each) => each !== '').join(' and ') || 'any';
}

/** Nanoseconds as people write them. */
export function durationText(ns: number): string {
  if (Math.abs(ns) >= 1e9) return `${Number((ns / 1e9).toPrecision(4))} s`;
  return Math.abs(ns) >= 1e6 ? `${Number((ns / 1e6).toPrecision(4))} ms` : `${Number((ns / 1e3).toPrecision(4))} µs`;
}

/** What a trace predicate says, where nothing of the trace itself is told. */
export function traceWords(predicate: TracePredicate): string {
  switch (predicate.op) {
    case 'and':
    case 'or':
      return predicate.of.map(traceWords).join(` ${predicate.op} `) || `nothing to ${predicate.op}`;
    case 'not':
      return `not (${traceWords(predicate.of)})`;
    case 'any':
      return `some span ${spanWords(predicate.span)}`;
    case 'always':
      return 'every trace';
    case 'never':
      return 'no trace';
    case 'traceDuration':
      return `it took ${rangeWords(predicate.ns, durationText)}`;
    case 'spans':
      return `it has ${rangeWords(predicate.count, String)} spans`;
    case 'share':
      return `it is among the ${Number((predicate.share * 100).toPrecision(6))} % kept`;
    case 'first':
      return predicate.of.map(({ when }) => traceWords(when)).join(', else ');
    case 'stateful':
      return predicate.words ?? 'its rate, or what it remembers, allows it';
  }
}
