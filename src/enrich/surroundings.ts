import { blank, Char, classOf, lineEnd, nameChar, quote } from './chars.ts';
import { type Name, nameBefore } from './name-before.ts';
import { view } from './unfolded.ts';

/** Past blanks and, behind an equals sign, what else `==`, `=>` and `=~` have. */
export function skipBlanks(at: number, equals: boolean): number {
  const { codes, length } = view;
  if (equals)
    while (at < length && (codes[at] === Char.equals || codes[at] === Char.greater || codes[at] === Char.tilde)) at++;
  while (at < length && classOf[codes[at]] & blank) at++;
  return at;
}

/** Behind `password= ` another pair begins. */
export function isEmpty(at: number): boolean {
  const { codes, length } = view;
  const limit = Math.min(length - 1, at + 64);
  while (at < limit && classOf[codes[at]] & nameChar) at++;
  return (
    codes[at] === Char.equals &&
    at + 1 < length &&
    codes[at + 1] !== Char.equals &&
    !(classOf[codes[at + 1]] & (blank | quote | lineEnd))
  );
}

/** The character before a name, blanks and the quote or the dashes before it left out. */
export function beforeName(start: number): number {
  const { codes } = view;
  // user[password]: the name of all begins before the bracket
  if (start > 1 && codes[start - 1] === Char.openBracket) start = nameBefore(view, start - 1)?.start ?? start;
  while (start > 0 && classOf[codes[start - 1]] & blank) start--;
  if (start === 0) return 0;
  return codes[start - 1];
}

export function startsLine(start: number): boolean {
  const { codes } = view;
  while (start > 0 && (classOf[codes[start - 1]] & blank || codes[start - 1] === Char.dash)) start--;
  return start === 0 || (classOf[codes[start - 1]] & lineEnd) !== 0 || codes[start - 1] === Char.backslash;
}

/** Behind a word of prose: long, or with a digit, or in quotes. */
export function looksSecret(at: number): boolean {
  const { codes, length } = view;
  if (classOf[codes[at]] & quote) return true;
  const limit = Math.min(length, at + 24);
  const start = at;
  while (at < limit && !(classOf[codes[at]] & (blank | lineEnd | quote)) && codes[at] !== Char.comma) at++;
  const value = view.slice(start, at);
  return value.length >= 20 || (value.length >= 6 && /\d/.test(value)) || /^(?:bearer|basic|digest)$/i.test(value);
}

export function opensPair({ start }: Name): boolean {
  let at = start - 1;
  while (at > 0 && (classOf[view.codes[at]] & quote || view.codes[at] === Char.backslash)) at--;
  return view.codes[at] === Char.openBracket || view.codes[at] === Char.open;
}

export function closesPair(end: number): boolean {
  const { codes, length } = view;
  while (end < length && (classOf[codes[end]] & (quote | blank) || codes[end] === Char.backslash)) end++;
  return codes[end] === Char.closeBracket || codes[end] === Char.close;
}
