import { blank, classOf, lineEnd, quote } from './chars.ts';
import { type Name, wordBefore } from './name-before.ts';
import type { Unfolded } from './unfolded.ts';

/** A value behind a blank. */
interface Phrase {
  readonly start: number;
  /** It reaches to the end of the line. */
  readonly line: boolean;
}

const longestWord = 16;
const maxAuthChars = 512;
const settings = /^(?:requirepass|masterauth|sentinel_pass)$/i;
const outcomes =
  /^(?:failed|failure|fail|error|required|succeeded|success|ok|timeout|command|called|is|was|not|with|done)\b/i;

/**
 * What languages say with a blank: IDENTIFIED BY 'S', PASSWORD 'S' (SQL), AUTH S, CONFIG SET requirepass S (Redis),
 * login jo password S (netrc), -u jo:S (curl's, as a flag). `name` is the word before, `value` where the next begins.
 */
export function phraseBefore(view: Unfolded, name: Name, value: number): Phrase | null {
  if (name.end - name.start > longestWord) return null;
  const word = view.slice(name.start, name.end);
  const quoted = (classOf[view.codes[value]] & quote) !== 0;
  if (settings.test(word)) return { start: value, line: false };
  if (word === 'AUTH' || word === 'auth') return isCommand(view, name, word) ? afterAuth(view, value) : null;
  if (/^(?:by|as)$/i.test(word)) return identified(view, name) ? { start: value, line: false } : null;
  if (!/^(?:password|passphrase|passwd)$/i.test(word)) return null;
  return quoted || afterLogin(view, name) ? { start: value, line: false } : null;
}

/** AUTH at the start of a command, or behind HELLO 3. */
function isCommand(view: Unfolded, { start }: Name, word: string): boolean {
  const { codes } = view;
  let at = start;
  while (at > 0 && classOf[codes[at - 1]] & (blank | quote)) at--;
  if (at === 0 || classOf[codes[at - 1]] & lineEnd) return word === 'AUTH' || start === 0;
  return /^hello \d$/i.test(wordsBefore(view, start, 2));
}

/** The last of one or two words; more are prose. A line that is too long to be looked through is taken for a secret. */
function afterAuth(view: Unfolded, value: number): Phrase | null {
  const { codes, length } = view;
  let end = value;
  while (end < length && end - value < maxAuthChars && !(classOf[codes[end]] & lineEnd)) end++;
  const line = view.slice(value, end);
  if (outcomes.test(line)) return null;
  const words = line.trim().split(/\s+/);
  if (end - value < maxAuthChars && words.length > 2) return null;
  return { start: words.length === 2 ? value + line.lastIndexOf(words[1]) : value, line: true };
}

const identified = (view: Unfolded, { start }: Name): boolean =>
  /(?:^|\s)identified(?: with \S+)?$/i.test(wordsBefore(view, start, 3));

const afterLogin = (view: Unfolded, { start }: Name): boolean => /^login \S+$/i.test(wordsBefore(view, start, 2));

/** Up to `count` words before the one that begins at `start`, one blank between. */
function wordsBefore(view: Unfolded, start: number, count: number): string {
  let from = start;
  for (let i = 0; i < count; i++) {
    const before = wordBefore(view.codes, from);
    if (before < 0) break;
    from = before;
  }
  return from === start ? '' : view.slice(from, start - 1);
}
