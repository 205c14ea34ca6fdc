/**
 * What to hide. A rule masks the whole value of attributes named by `keys`, or the part of a text that `query`,
 * `userinfo` or `pattern` describes. Names compare without case; `-` and `_` in them match each other and nothing at
 * all, so `api_key` is `api-key` and `apiKey` too.
 */
export interface RedactRule {
  /** The label of the counter. */
  readonly name: string;
  /** Attribute keys, `*` standing for anything. */
  readonly keys?: readonly string[] | undefined;
  /** Attribute keys that no rule touches, `*` as above. */
  readonly keep?: readonly string[] | undefined;
  /** What the built-in rules know by words, not by patterns: the keys, or the names in texts, of name-table.ts. */
  readonly words?: 'keys' | 'headers' | 'values' | undefined;
  /** Parameter names, `*` as above: the value in `name=value`. */
  readonly query?: readonly string[] | undefined;
  /** `user:password@` in URLs. */
  readonly userinfo?: boolean | undefined;
  /** What operators write: RE2's syntax, and lookbehind. */
  readonly pattern?: string | undefined;
  /** What the built-in rules have in its place: ours, each tried to be linear. A leading `(?i)` ignores case. */
  readonly expression?: string | undefined;
  /** Texts one of which every match of `pattern`, or `expression`, has, in any case. Without them every span is taken apart. */
  readonly contains?: readonly string[] | undefined;
  /** A match counts only when its digits, 13 or more, pass the Luhn check. */
  readonly luhn?: boolean | undefined;
}

/** What stands in the place of what was hidden. */
export const mask = '****';

/** Matches whole attribute keys, and whole parameter names. */
export function keyPattern(keys: readonly string[]): RegExp {
  return new RegExp(`^(?:${keys.map(loosely).join('|')})$`, 'is');
}

/** Luhn's check digit, over the digits of `text`. Source: ISO/IEC 7812-1, annex B. */
export function passesLuhn(text: string): boolean {
  const digits = text.replace(/\D/g, '');
  if (digits.length < 13) return false;
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i]);
    sum += i % 2 === 0 ? digit : digit * 2 - (digit > 4 ? 9 : 0);
  }
  return sum % 10 === 0;
}

function loosely(name: string): string {
  return name
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replace(/[-_]/g, '[-_]?')
    .replace(/\*+/g, '.*');
}
