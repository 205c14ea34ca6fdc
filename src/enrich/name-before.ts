import { blank, Char, classOf, digit, nameChar, quote } from './chars.ts';
import { maxNameChars } from './secret-names.ts';
import type { Unfolded } from './unfolded.ts';

/** A name as it stands before a separator. */
export interface Name {
  start: number;
  end: number;
  /** In quotes, as JSON has it. */
  quoted: boolean;
}

/**
 * The name before `at`, with blanks, a quote, or brackets as in user[password][] and env["TOKEN"] between; null for
 * none.
 */
export function nameBefore({ codes }: Unfolded, at: number): Name | null {
  let end = at;
  while (end > 0 && classOf[codes[end - 1]] & blank) end--;
  end = beforeBrackets(codes, end);
  let quoted = false;
  while (end > 0 && classOf[codes[end - 1]] & quote) {
    quoted = true;
    end--;
    while (end > 0 && codes[end - 1] === Char.backslash) end--;
  }
  if (quoted) end = beforeBrackets(codes, end);
  const start = wordStart(codes, end);
  return start === end ? null : { start: afterEscape(codes, start, end), end, quoted };
}

/** Where the run of name characters begins that ends at `end`. */
export function wordStart(codes: Uint8Array, end: number): number {
  let start = end;
  while (start > 0 && classOf[codes[start - 1]] & nameChar && end - start < maxNameChars) start--;
  return start;
}

/** The start of the word before the one that begins at `start`, one blank between; -1 for none. */
export function wordBefore(codes: Uint8Array, start: number): number {
  if (start < 2 || !(classOf[codes[start - 1]] & blank)) return -1;
  const before = wordStart(codes, start - 1);
  return before === start - 1 ? -1 : before;
}

/** Of a `\n` that JSON wrote before the name, the letter is no part of it. */
function afterEscape(codes: Uint8Array, start: number, end: number): number {
  const escapes = start > 0 && codes[start - 1] === Char.backslash && start + 1 < end;
  return escapes && /[nrt]/.test(String.fromCharCode(codes[start])) ? start + 1 : start;
}

function beforeBrackets(codes: Uint8Array, end: number): number {
  for (let groups = 0; groups < 4 && end > 0 && codes[end - 1] === Char.closeBracket; groups++) {
    let open = end - 1;
    while (open > 0 && classOf[codes[open - 1]] & digit) open--;
    if (open === 0 || codes[open - 1] !== Char.openBracket) return end - 1;
    end = open - 1;
  }
  return end;
}
