import type { Compound } from '../model/conditions.ts';
import type { SpanAtom, SpanPredicate } from '../model/predicates.ts';

type Follows = Compound['follows'];

/**
 * A predicate over one span as a test of the bits that its atoms have set; `bitOf` gives an atom's, or undefined for a
 * question that is asked here and now. Such questions cost much more than bits, so they come last where others may
 * decide before.
 */
export function follows(predicate: SpanPredicate, bitOf: (atom: SpanAtom) => number | undefined): Follows {
  if (predicate.op === 'not') {
    const test = follows(predicate.of, bitOf);
    return (words, at, moreAt, span) => !test(words, at, moreAt, span);
  }
  if (predicate.op !== 'and' && predicate.op !== 'or') {
    const bit = bitOf(predicate);
    if (bit !== undefined) return hasBit(bit);
    if (predicate.op !== 'ask') throw new Error(`no bit for ${predicate.op}`);
    return (_, __, ___, span) => predicate.test(span);
  }
  const asks = (part: SpanPredicate): boolean => atomsOf(part).some((atom) => bitOf(atom) === undefined);
  const inOrder = [...predicate.of.filter((part) => !asks(part)), ...predicate.of.filter(asks)];
  const tests = inOrder.map((each) => follows(each, bitOf));
  const untilIt = predicate.op === 'or';
  return (words, at, moreAt, span) => {
    for (let i = 0; i < tests.length; i++) if (tests[i](words, at, moreAt, span) === untilIt) return untilIt;
    return !untilIt;
  };
}

export function atomsOf(predicate: SpanPredicate): readonly SpanAtom[] {
  if (predicate.op === 'not') return atomsOf(predicate.of);
  return predicate.op === 'and' || predicate.op === 'or' ? predicate.of.flatMap(atomsOf) : [predicate];
}

function hasBit(bit: number): Follows {
  const mask = 1 << (bit & 31);
  const word = bit >>> 5;
  if (word === 0) return (words, at) => (words[at] & mask) !== 0;
  return (words, _, moreAt) => (words[moreAt + word - 1] & mask) !== 0;
}
