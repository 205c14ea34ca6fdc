import type { Compound } from '../model/conditions.ts';
import type { SpanAtom, SpanPredicate } from '../model/predicates.ts';

type Follows = Compound['follows'];

/** A predicate over one span as a test of the bits that its atoms have set; `bitOf` gives an atom's. */
export function follows(predicate: SpanPredicate, bitOf: (atom: SpanAtom) => number): Follows {
  if (predicate.op === 'not') {
    const test = follows(predicate.of, bitOf);
    return (words, at, moreAt, span) => !test(words, at, moreAt, span);
  }
  if (predicate.op !== 'and' && predicate.op !== 'or') return hasBit(bitOf(predicate));
  const tests = predicate.of.map((each) => follows(each, bitOf));
  const untilIt = predicate.op === 'or';
  return (words, at, moreAt, span) => {
    for (let i = 0; i < tests.length; i++) if (tests[i](words, at, moreAt, span) === untilIt) return untilIt;
    return !untilIt;
  };
}

function hasBit(bit: number): Follows {
  const mask = 1 << (bit & 31);
  const word = bit >>> 5;
  if (word === 0) return (words, at) => (words[at] & mask) !== 0;
  return (words, _, moreAt) => (words[moreAt + word - 1] & mask) !== 0;
}
