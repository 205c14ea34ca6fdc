import { blank, Char, classOf, delimiter, lineEnd, quote } from './chars.ts';
import type { Unfolded } from './unfolded.ts';

/** How many backslashes end before `at`. */
function backslashesBefore({ codes }: Unfolded, at: number): number {
  let from = at;
  while (from > 0 && codes[from - 1] === Char.backslash) from--;
  return at - from;
}

/**
 * Where the quote stands that opens a value at `at`, behind its backslashes or a letter as in N'…'; -1 where none does.
 */
export function openingQuote({ codes, length }: Unfolded, at: number): number {
  let open = at;
  while (open < length && codes[open] === Char.backslash) open++;
  if (open === at && open + 1 < length && /[bBeEfFnNqQrRuU$@]/.test(String.fromCharCode(codes[at]))) open++;
  return open < length && classOf[codes[open]] & quote ? open : -1;
}

/**
 * Where the text ends that the quote at `open` begins: before the quote that closes it, and before that one's
 * backslashes when it has as many as the opening one (JSON in JSON). Twice the same quote stands for one. Without an
 * end, the whole rest.
 */
export function quotedEnd(view: Unfolded, open: number): number {
  const { codes, levels, length } = view;
  const level = levels[open];
  const depth = backslashesBefore(view, open);
  let slashes = 0;
  for (let at = open + 1; at < length; at++) {
    if (levels[at] > level) slashes = 0;
    else if (codes[at] === Char.backslash) slashes++;
    else {
      if (levels[at] < level && endsEncoded(codes[at])) return at;
      if (codes[at] === codes[open] && closes(slashes, depth)) {
        if (depth > 0 || codes[at + 1] !== codes[open] || at + 1 >= length) return at - Math.min(slashes, depth);
        at++;
      }
      slashes = 0;
    }
  }
  return length;
}

/**
 * Where quoted text ends at `end`, does more of the same value follow, as in 'a'"b" of a shell? From where; -1 for no.
 */
export function continued({ codes, length }: Unfolded, end: number): number {
  let after = end;
  while (after < length && codes[after] === Char.backslash) after++;
  after++;
  if (after >= length) return -1;
  if (classOf[codes[after]] & quote) return after + 1 < length && !(classOf[codes[after + 1]] & delimiter) ? after : -1;
  return classOf[codes[after]] & delimiter ? -1 : after;
}

/** Does a bracket or a quote at `at` end what is around it? Only where a delimiter or nothing follows. */
export const endsBefore = ({ codes, length }: Unfolded, at: number): boolean =>
  at + 1 >= length || (classOf[codes[at + 1]] & delimiter) !== 0;

/**
 * Behind this many backslashes, does a quote close one that was opened behind `depth`? With fewer, an outer one does.
 */
const closes = (slashes: number, depth: number): boolean =>
  slashes < depth || Math.floor((slashes - depth) / (depth + 1)) % 2 === 0;

/** Ends what was encoded more often than itself: a parameter's end ends all that is in it. */
export const endsEncoded = (code: number): boolean =>
  (classOf[code] & (blank | lineEnd)) !== 0 ||
  code === Char.ampersand ||
  code === Char.hash ||
  code === Char.doubleQuote ||
  code === Char.less ||
  code === Char.greater;
