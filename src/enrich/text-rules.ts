import { compileReplacer } from '../regex/replacer.ts';
import { Pairs } from './pairs.ts';
import { keyPattern, mask, passesLuhn, type RedactRule } from './rule.ts';
import { Kind, kindOf } from './secret-names.ts';
import { hideUserinfo } from './userinfo.ts';

/** Patterns see a text in pieces of this many characters. */
const pieceChars = 65_536;
const piece = new RegExp(`.{1,${pieceChars}}`, 'gs');

/** A rule for texts. `count` is told the rule's name for each part that was hidden. */
export interface TextRule {
  apply(text: string, count: (rule: string) => void): string;
}

export function textRules(rules: readonly RedactRule[]): TextRule[] {
  return rules.flatMap((rule) => [
    ...(rule.words === 'values' ? [pairs(rule.name, new Pairs(kindOf, true))] : []),
    ...(rule.query?.length ? [pairs(rule.name, new Pairs(named(keyPattern(rule.query)), false))] : []),
    ...(rule.userinfo ? [userinfo(rule.name)] : []),
    ...(rule.pattern === undefined && rule.expression === undefined ? [] : [inText(rule)]),
  ]);
}

const pairs = (rule: string, found: Pairs): TextRule => ({
  apply: (text, count) => found.hide(text, () => count(rule)),
});

/** Operators' names: the whole name, or what stands behind its last dot. Dashes before it are a command line's. */
const named = (names: RegExp) => (name: string) => {
  const bare = name.replace(/^-{1,2}/, '');
  return names.test(bare) || names.test(bare.slice(bare.lastIndexOf('.') + 1)) ? Kind.secret : Kind.none;
};

const userinfo = (rule: string): TextRule => ({
  apply: (text, count) => hideUserinfo(text, () => count(rule)),
});

/** `by` gives what stands in the place of a match. */
type Replace = (text: string, by: (match: string) => string) => string;

function inText(rule: RedactRule): TextRule {
  const replace = rule.pattern === undefined ? ours(rule.expression!) : operators(rule.pattern);
  const spares = rule.luhn ? (match: string) => !passesLuhn(match) : isHidden;
  const hide: TextRule['apply'] = (text, count) =>
    replace(text, (match) => {
      if (match === '' || spares(match)) return match;
      count(rule.name);
      return mask;
    });
  return {
    apply: (text, count) =>
      text.length <= pieceChars ? hide(text, count) : text.replace(piece, (part) => hide(part, count)),
  };
}

function ours(expression: string): Replace {
  const [pattern, flags] = expression.startsWith('(?i)') ? [expression.slice(4), 'gi'] : [expression, 'g'];
  const compiled = new RegExp(pattern, flags);
  return (text, by) => text.replace(compiled, by);
}

/** Checked when the settings were read. */
function operators(pattern: string): Replace {
  const compiled = compileReplacer(pattern);
  if ('problem' in compiled) throw new Error(compiled.problem);
  return (text, by) => compiled.replace(text, by, tooMany);
}

/** In place of what is left of a text with more matches than are looked for. */
const tooMany = `${mask} (too many matches)`;

/** Empty, or hidden by a gateway before this one. */
const isHidden = (text: string): boolean => text === '' || text === mask;
