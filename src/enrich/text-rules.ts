import { Pairs } from './pairs.ts';
import { compilePattern, keyPattern, mask, passesLuhn, type RedactRule } from './rule.ts';
import { Kind, kindOf } from './secret-names.ts';
import { hideUserinfo } from './userinfo.ts';

/** Patterns see a text in pieces of this many characters, so that a careless one cannot stop the gateway for long. */
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
    ...(rule.pattern === undefined ? [] : [pattern(rule)]),
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

function pattern({ name, pattern, luhn }: RedactRule): TextRule {
  const hide = replacing(name, compilePattern(pattern!), luhn ? (match) => !passesLuhn(match) : isHidden);
  return {
    apply: (text, count) =>
      text.length <= pieceChars ? hide(text, count) : text.replace(piece, (part) => hide(part, count)),
  };
}

function replacing(rule: string, pattern: RegExp, spares: (match: string) => boolean): TextRule['apply'] {
  return (text, count) =>
    text.replace(pattern, (match: string) => {
      if (match === '' || spares(match)) return match;
      count(rule);
      return mask;
    });
}

/** Empty, or hidden by a gateway before this one. */
const isHidden = (text: string): boolean => text === '' || text === mask;
