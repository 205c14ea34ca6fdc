import type { RE2JS } from 're2js';
import { type Literal, literalsOf } from './literals.ts';
import { openEngine, plainProblem, type RegexProblem, watched } from './re2.ts';
import { Words } from './words.ts';

/**
 * A regular expression with RE2's syntax, which is Go's and so the Collector's: github.com/google/re2/wiki/Syntax. Like
 * Go's MatchString it looks anywhere in the text, `.` leaves out line breaks, and `$` is the text's end. Whatever the
 * pattern and whatever the text, time is linear in the text, and what it remembers is bounded (see re2.ts).
 */
export interface Regex {
  readonly pattern: string;
  /** UTF-8 in buf[start, end), of which nothing is kept. */
  test(buf: Uint8Array, start: number, end: number): boolean;
  testText(text: string): boolean;
}

export { compileTogether, type RegexProblem } from './re2.ts';

export const isProblem = (made: Regex | RegexProblem): made is RegexProblem => 'problem' in made;

/** Never throws, whatever the pattern. */
export function compileRegex(pattern: string): Regex | RegexProblem {
  const plain = plainProblem(pattern);
  if (plain !== undefined) return plain;
  const literals = literalsOf(pattern);
  if (literals !== undefined) return wordsRegex(pattern, new Words(literals));
  const engine = openEngine(pattern);
  return 'problem' in engine ? engine : engineRegex(pattern, engine);
}

/** A text, where it stands at the start, at the end, or anywhere: what `^text` means, and the like. */
export const literalRegex = (literal: Literal): Regex => wordsRegex(literal.text, new Words([literal]));

/** No engine is needed, nor loaded. */
const wordsRegex = (pattern: string, words: Words): Regex => ({
  pattern,
  test: (buf, start, end) => words.in(buf, start, end),
  testText(text) {
    const bytes = encoder.encode(text);
    return words.in(bytes, 0, bytes.length);
  },
});

function engineRegex(pattern: string, engine: RE2JS): Regex {
  const test = watched(engine);
  return { pattern, test: (buf, start, end) => test(textOf.call(buf, start, end)), testText: test };
}

const encoder = new TextEncoder();
/** Quicker than TextDecoder on short texts; it works on any Uint8Array. */
const textOf = Buffer.prototype.utf8Slice;
