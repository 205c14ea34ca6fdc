import {
  compilePattern,
  keyPattern,
  mask,
  parameterPattern,
  passesLuhn,
  type RedactRule,
  userinfoPattern,
} from './rule.ts';

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
    ...(rule.userinfo ? [userinfo(rule.name)] : []),
    ...(rule.pattern === undefined ? [] : [pattern(rule)]),
  ]);
}

function parameters(rule: string, names: RegExp): TextRule {
  const hide = (text: string, count: (rule: string) => void) =>
    text.replace(parameterPattern, (match, before: string, name: string, equals: string, value: string) => {
      const quote = value.startsWith('"') || value.startsWith("'") ? value[0] : '';
      if (isHidden(value.slice(quote.length)) || !names.test(name)) return match;
      count(rule);
      return before + name + equals + quote + mask;
    });
  return { apply: (text, count) => (text.includes('=') ? hide(text, count) : text) };
}

function userinfo(rule: string): TextRule {
  const hide = replacing(rule, userinfoPattern, isHidden);
  return { apply: (text, count) => (text.includes('@') ? hide(text, count) : text) };
}

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
