import type { FaultTest, TracePredicate } from '../model/predicates.ts';

/**
 * Where a predicate is neither so nor not so of a trace, as the Collector has it where a condition fails in mode
 * `propagate`: then no policy around it keeps, or drops, whatever stands between. Undefined where that cannot be.
 */
export function failsOf(when: TracePredicate): TracePredicate | undefined {
  switch (when.op) {
    case 'and':
      return when.fails ?? anyOf(when.of.map((_, at) => failsAt(when.of, at)));
    case 'or':
      return anyOf(when.of.map(failsOf));
    case 'not':
      return failsOf(when.of);
    case 'first':
      return anyOf(when.of.map((each) => failsOf(each.when)));
    default:
      return undefined;
  }
}

/** A part behind one that is not so is not asked, and one that counts what it is asked is not asked a second time. */
function failsAt(parts: readonly TracePredicate[], at: number): TracePredicate | undefined {
  const fails = failsOf(parts[at]!);
  const before = parts.slice(0, at).filter(isFree);
  return fails && before.length > 0 ? { op: 'and', of: [...before, fails] } : fails;
}

function anyOf(parts: readonly (TracePredicate | undefined)[]): TracePredicate | undefined {
  const of = parts.filter((part) => part !== undefined);
  return of.length > 1 ? { op: 'or', of } : of[0];
}

/** Being asked leaves no mark. */
function isFree(when: TracePredicate): boolean {
  if (when.op === 'stateful') return false;
  if (when.op === 'first') return when.of.every((each) => isFree(each.when) && isFree(each.decides));
  if (when.op === 'not') return isFree(when.of);
  return when.op === 'and' || when.op === 'or' ? when.of.every(isFree) : true;
}

/** The conditions in a predicate that may have no value of a span. */
export function faultsOf(when: TracePredicate): readonly FaultTest[] {
  switch (when.op) {
    case 'any':
      return when.faults ?? [];
    case 'not':
      return faultsOf(when.of);
    case 'and':
    case 'or':
      return when.of.flatMap(faultsOf);
    case 'first':
      return when.of.flatMap((each) => [...faultsOf(each.when), ...faultsOf(each.decides)]);
    default:
      return [];
  }
}
