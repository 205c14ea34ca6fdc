import { createRequire } from 'node:module';
import type { RE2JS, RE2JSSyntaxException } from 're2js';
import { classWork } from './class-work.ts';
import { programSize } from './program-size.ts';

/** What is wrong with a pattern, and where: the number of a character, from 0. */
export interface RegexProblem {
  readonly problem: string;
  readonly at: number;
}

/**
 * What a pattern may be compiled to, in instructions of RE2's machine. Where its automaton would have too many states, a
 * character of text costs time for each of them.
 */
const maxInstructions = 2000;
/** What is about so many times as much work is not compiled to find out: that takes 15 µs an instruction. */
const surelyTooLarge = 4;
/** Of all patterns that are compiled in one go: a second's work. */
const maxTogether = 50_000;
let left = Number.POSITIVE_INFINITY;
/** The states of its automaton that are kept for each pattern; RE2's own default is 8 MiB. */
const maxStateBytes = 512 * 1024;

/** Characters of a pattern, at most. */
const maxPatternChars = 4096;
const loneSurrogate = /\p{Surrogate}/u;

const load = createRequire(import.meta.url);

/** What no engine need be asked for. */
export function plainProblem(pattern: string): RegexProblem | undefined {
  if (pattern.length > maxPatternChars)
    return { problem: `longer than ${maxPatternChars} characters`, at: maxPatternChars };
  const stray = pattern.search(loneSurrogate);
  return stray < 0 ? undefined : { problem: 'half of a surrogate pair, which is no character', at: stray };
}

/** Runs `compile`, in which all patterns together may be no larger than one thread can bear to compile in one go. */
export function compileTogether<T>(compile: () => T): T {
  const before = left;
  left = maxTogether;
  try {
    return compile();
  } finally {
    left = before;
  }
}

/** The library is loaded with the first pattern that needs it: 260 KB of source, some milliseconds. */
export function openEngine(pattern: string, { lookbehind = false } = {}): RE2JS | RegexProblem {
  const plain = plainProblem(pattern);
  if (plain !== undefined) return plain;
  const ofClasses = Math.ceil(classWork(pattern));
  const about = programSize(pattern) + ofClasses;
  if (about > surelyTooLarge * maxInstructions) return tooLarge(`about ${about}`);
  if (left < 0) return tooManyTogether;
  const { RE2JS } = load('re2js') as typeof import('re2js');
  try {
    const engine = RE2JS.compile(pattern, lookbehind ? RE2JS.LOOKBEHINDS : 0);
    const size = engine.programSize();
    left -= size + ofClasses;
    if (size > maxInstructions) return tooLarge(String(size));
    if (left < 0) return tooManyTogether;
    boundStates(engine);
    return engine;
  } catch (error) {
    return problemOf(error as RE2JSSyntaxException, pattern);
  }
}

const tooLarge = (size: string): RegexProblem => ({
  problem: `too large: ${size} instructions, of ${maxInstructions} that are allowed`,
  at: 0,
});

const tooManyTogether: RegexProblem = {
  problem: `too large with the patterns before it: expected ${maxTogether} instructions together`,
  at: 0,
};

/** Set before the first text is searched: states are made as texts need them. */
function boundStates({ re2Input: { dfa } }: RE2JS): void {
  dfa.stateBudget = maxStateBytes;
  dfa.memBudget = maxStateBytes;
}

/** So much text, in characters, is searched at least with the states that fit. */
const minCharsPerFill = 64 * 1024;

/**
 * A search that leaves the automaton where texts ask for ever new states: making them takes ten times what it takes to
 * go without. The budget is whole again when all states were given up.
 */
export function watched(engine: RE2JS): (text: string) => boolean {
  const { dfa } = engine.re2Input;
  let chars = 0;
  return (text) => {
    const before = dfa.memBudget;
    const found = engine.test(text);
    chars += text.length;
    if (dfa.memBudget > before) {
      dfa.failed ||= chars < minCharsPerFill;
      chars = 0;
    }
    return found;
  };
}

/** The library names the piece that is wrong, as Go does, but not where it stands. */
function problemOf(error: Partial<RE2JSSyntaxException> & Error, pattern: string): RegexProblem {
  const piece = error.getPattern?.() ?? '';
  const reason = hintOf(piece) ?? error.getDescription?.() ?? error.message;
  const found = pattern.lastIndexOf(piece);
  return { problem: piece === '' || piece === pattern ? reason : `${reason}: ${piece}`, at: Math.max(0, found) };
}

/** What other engines have, and cannot have in linear time. */
function hintOf(piece: string): string | undefined {
  if (/^\(\?[=!]/.test(piece)) return 'look-ahead is not supported, as it takes more than linear time';
  return /^\\[1-9]/.test(piece) ? 'back-references are not supported, as they take more than linear time' : undefined;
}
