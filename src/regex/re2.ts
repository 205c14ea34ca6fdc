import { createRequire } from 'node:module';
import type { RE2JS, RE2JSSyntaxException } from 're2js';

/** What is wrong with a pattern, and where: the number of a character, from 0. */
export interface RegexProblem {
  readonly problem: string;
  readonly at: number;
}

/** A compiled pattern that needs an engine. */
export interface Engine {
  test(text: string): boolean;
}

/**
 * What a pattern may be compiled to, in instructions of RE2's machine. Where its automaton would have too many states, a
 * character of text costs time for each of them.
 */
const maxInstructions = 2000;
/** The states of its automaton that are kept for each pattern; RE2's own default is 8 MiB. */
const maxStateBytes = 512 * 1024;

const load = createRequire(import.meta.url);

/** The library is loaded with the first pattern that needs it: 260 KB of source, some milliseconds. */
export function openEngine(pattern: string): Engine | RegexProblem {
  const { RE2JS } = load('re2js') as typeof import('re2js');
  try {
    const engine = RE2JS.compile(pattern);
    const size = engine.programSize();
    if (size > maxInstructions)
      return { problem: `too large: ${size} instructions, of ${maxInstructions} that are allowed`, at: 0 };
    boundStates(engine);
    return engine;
  } catch (error) {
    return problemOf(error as RE2JSSyntaxException, pattern);
  }
}

/** Set before the first text is searched: states are made as texts need them. */
function boundStates({ re2Input: { dfa } }: RE2JS): void {
  dfa.stateBudget = maxStateBytes;
  dfa.memBudget = maxStateBytes;
}

/** The library names the piece that is wrong, as Go does, but not where it stands. */
function problemOf(error: Partial<RE2JSSyntaxException> & Error, pattern: string): RegexProblem {
  const piece = error.getPattern?.() ?? '';
  const reason = error.getDescription?.() ?? error.message;
  const found = pattern.lastIndexOf(piece);
  return { problem: piece === '' || piece === pattern ? reason : `${reason}: ${piece}`, at: Math.max(0, found) };
}
