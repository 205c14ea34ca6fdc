import { keyPattern, type RedactRule } from './rule.ts';
import { Kind, kindOf } from './secret-names.ts';

/** The rule that masks the value of a key, '' for none, null for a key to keep as it is. */
export type RuleOf = (key: string) => string | null;

/** Attribute keys whose rule is remembered, and the longest of them. */
const maxKeys = 4096;
const maxKeyChars = 256;

export function keyRules(rules: readonly RedactRule[]): RuleOf {
  const kept = rules.flatMap((rule) => rule.keep ?? []);
  const keep = kept.length > 0 ? keyPattern(kept) : null;
  const hiding = rules.flatMap((rule) => {
    const names = keyNames(rule);
    return names === null ? [] : [{ name: rule.name, names }];
  });
  const verdicts = new Map<string, string | null>();
  return (key) => {
    let verdict = verdicts.get(key);
    if (verdict === undefined) {
      verdict = keep?.test(key) ? null : (hiding.find((rule) => rule.names(key))?.name ?? '');
      if (verdicts.size >= maxKeys) verdicts.clear();
      if (key.length <= maxKeyChars) verdicts.set(key, verdict);
    }
    return verdict;
  };
}

/** What says of a key whether `rule` hides its value; null where it hides none by key. */
function keyNames({ words, keys }: RedactRule): ((key: string) => boolean) | null {
  if (words === 'headers') return (key) => kindOf(key) === Kind.header;
  // PWD is the working directory
  if (words === 'keys')
    return (key) => kindOf(key) >= Kind.token && kindOf(key) < Kind.header && !/(?:^|\.)PWD$/.test(key);
  if (!keys?.length) return null;
  const pattern = keyPattern(keys);
  return (key) => pattern.test(key);
}
