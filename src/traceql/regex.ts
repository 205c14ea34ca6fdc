import { compileRegex, isProblem } from '../regex/regex.ts';
import type { Pattern } from './ast.ts';

/** Texts and nothing else, signs of RE2's behind a backslash, in one group or in none: what Grafana writes for a list. */
const plainList = /^(?:[^\\.+*?()[\]{}^$]|\\[!-/:-@[-`{-~])*$/;
const wholeGroup = /^\((?:\?:)?([^()]*)\)$/;

/**
 * A pattern as Tempo reads it: RE2 syntax, anchored at both ends, `.` a line break too (Prometheus' FastRegexMatcher,
 * which Tempo asks). Queries come from whoever reaches the admin port, so it takes time linear in the text. A list of
 * texts may be as long as a query; it is one look-up. Throws Error with the reason.
 */
export function compilePattern(source: string): Pattern {
  const literals = literalsOf(wholeGroup.exec(source)?.[1] ?? source);
  if (literals !== undefined) {
    const texts = new Set(literals);
    return { source, literals, test: (text) => texts.has(text) };
  }
  // Alone first: what closes a group early is wrong, and not a way out of the anchors.
  compiled(source);
  const regex = compiled(`^(?s:${source})$`);
  return { source, literals: undefined, test: (text) => regex.testText(text) };
}

function literalsOf(list: string): string[] | undefined {
  if (!plainList.test(list)) return undefined;
  const literals: string[] = [];
  let text = '';
  for (let at = 0; at < list.length; at++) {
    if (list[at] === '|') {
      literals.push(text);
      text = '';
    } else text += list[at] === '\\' ? list[++at] : list[at];
  }
  return [...literals, text];
}

/** The piece that is wrong may be all of the pattern. */
const longest = 150;

function compiled(source: string) {
  const made = compileRegex(source);
  if (isProblem(made)) {
    const { problem, at } = made;
    throw new Error(`${problem.length > longest ? `${problem.slice(0, longest)}…` : problem} (character ${at + 1})`);
  }
  return made;
}
