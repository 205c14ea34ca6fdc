import type { RE2JS } from 're2js';
import { openEngine, type RegexProblem } from './re2.ts';

/** Replaces what a pattern finds. RE2's syntax, and lookbehind without groups in it, which is linear too. */
export interface Replacer {
  /**
   * `text` with each match, the leftmost first, as `by` has it. After `maxMatches` the rest of the text is `rest`: what
   * comes behind a match is looked at again for the next one, so that many of them could cost a square.
   */
  replace(text: string, by: (match: string) => string, rest: string): string;
  readonly matchesEmpty: boolean;
}

const maxMatches = 256;

/** Never throws, whatever the pattern. */
export function compileReplacer(pattern: string): Replacer | RegexProblem {
  const engine = openEngine(pattern, { lookbehind: true });
  if ('problem' in engine) return engine;
  return { replace: (text, by, rest) => replaced(engine, text, by, rest), matchesEmpty: engine.test('') };
}

function replaced(engine: RE2JS, text: string, by: (match: string) => string, rest: string): string {
  const found = engine.matcher(text);
  let made = '';
  let from = 0;
  for (let matches = 0; found.find(); ) {
    const match = text.slice(found.start(), found.end());
    if (match !== '' && ++matches > maxMatches) return made + text.slice(from, found.start()) + rest;
    made += text.slice(from, found.start()) + by(match);
    from = found.end();
  }
  return from === 0 ? text : made + text.slice(from);
}
