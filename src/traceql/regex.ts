import { compileRegex, isProblem } from '../regex/regex.ts';
import type { Pattern } from './ast.ts';

const maxPatternLength = 1024;
const plain = /^[^\\.+*?()[\]{}^$|]*$/;

/**
 * A pattern as Tempo reads it: RE2 syntax, anchored at both ends, `.` a line break too (Prometheus' FastRegexMatcher,
 * which Tempo asks). Queries come from whoever reaches the admin port, so it takes time linear in the text. Throws Error
 * with the reason.
 */
export function compilePattern(source: string): Pattern {
  if (source.length > maxPatternLength) throw new Error(`longer than ${maxPatternLength} characters`);
  const alternatives = source.split('|');
  if (alternatives.every((text) => plain.test(text))) {
    const texts = new Set(alternatives);
    return { source, literals: alternatives, test: (text) => texts.has(text) };
  }
  // Alone first: what closes a group early is wrong, and not a way out of the anchors.
  compiled(source);
  const regex = compiled(`^(?s:${source})$`);
  return { source, literals: undefined, test: (text) => regex.testText(text) };
}

function compiled(source: string) {
  const made = compileRegex(source);
  if (isProblem(made)) throw new Error(`${made.problem} (character ${made.at + 1})`);
  return made;
}
