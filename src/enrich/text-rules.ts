import { hideNamedValues, type Judge } from './named-values.ts';
import { compilePattern, keyPattern, mask, passesLuhn, type RedactRule } from './rule.ts';
import { Strength, strengthOf } from './secret-names.ts';
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
    ...(rule.query?.length ? [parameters(rule.name, keyPattern(rule.query))] : []),
    ...(rule.secrets === 'texts' ? [secrets(rule.name)] : []),
    ...(rule.userinfo ? [userinfo(rule.name)] : []),
    ...(rule.pattern === undefined ? [] : [pattern(rule)]),
  ]);
}

function parameters(rule: string, names: RegExp): TextRule {
  const judge = (name: string, separator: string) =>
    separator === '=' && names.test(name) ? Strength.strong : Strength.none;
  return named(rule, judge);
}

/** Names whose strength is remembered. */
const maxNames = 4096;

function secrets(rule: string): TextRule {
  const known = new Map<string, Strength>();
  return named(rule, (name) => {
    let strength = known.get(name);
    if (strength === undefined) {
      if (known.size >= maxNames) known.clear();
      known.set(name, (strength = strengthOf(name)));
    }
    return strength;
  });
}

const named = (rule: string, judge: Judge): TextRule => ({
  apply: (text, count) => hideNamedValues(text, judge, () => count(rule)),
});

const userinfo = (rule: string): TextRule => ({
  apply: (text, count) => (text.includes('@') || text.includes('%40') ? hideUserinfo(text, () => count(rule)) : text),
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
