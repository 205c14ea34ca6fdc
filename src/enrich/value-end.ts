import { blank, Char, classOf, lineEnd, nameChar, quote } from './chars.ts';
import { continued, endsBefore, endsEncoded, openingQuote, quotedEnd } from './quoted.ts';
import type { Unfolded } from './unfolded.ts';

/** What stands around a pair, and says where its value can end. */
interface Around {
  /** How often the separator is percent-encoded. What is encoded more often belongs to the value. */
  readonly level: number;
  /** The pair is in the query of a URL, where `&` and `#` end it. */
  readonly query: boolean;
  /** The pair stands between semicolons: blanks belong to the value. */
  readonly connection: boolean;
  /** The value reaches to the end of the line, or to a comma and a blank with another name behind. */
  readonly line: boolean;
  /** … or without regard to names: `Cookie: a=b; c=d`. */
  readonly header: boolean;
  /** The quote that opens right before the name, 0 for none: "Cookie: a=b". */
  readonly quote: number;
}

/** Around a value without any company. */
export const bare: Around = { level: 0, query: false, connection: false, line: false, header: false, quote: 0 };

export interface Extent {
  start: number;
  end: number;
}

const maxNextName = 64;

/** From where to where the value reaches that begins at `start`; quotes and brackets around it stay. */
export function valueAt(view: Unfolded, start: number, around: Around): Extent {
  const open = openingQuote(view, start);
  if (open >= 0) return quotedAt(view, open, around);
  const first = view.codes[start];
  if (first === Char.openBracket || first === Char.openBrace) return inBrackets(view, start, around);
  return { start, end: plainEnd(view, start, around) };
}

/** What is between the quotes; of 'a'"b", which a shell joins, all of it with the quotes. */
function quotedAt(view: Unfolded, open: number, around: Around): Extent {
  let end = quotedEnd(view, open);
  let joined = false;
  for (let more = continued(view, end); end < view.length && more >= 0; more = continued(view, end)) {
    joined = true;
    const plain = (classOf[view.codes[more]] & quote) === 0;
    end = plain ? plainEnd(view, more, around) : quotedEnd(view, more);
    if (plain) return { start: open, end };
  }
  return joined ? { start: open, end: Math.min(view.length, end + 1) } : { start: open + 1, end };
}

function inBrackets(view: Unfolded, start: number, around: Around): Extent {
  const { codes, levels, length } = view;
  const closing = codes[start] + 2;
  let depth = 0;
  for (let at = start; at < length; at++) {
    if (levels[at] > levels[start]) continue;
    if (classOf[codes[at]] & quote) at = quotedEnd(view, at);
    else if (levels[at] < levels[start] && endsEncoded(codes[at])) return { start: start + 1, end: at };
    else if (codes[at] === codes[start]) depth++;
    else if (codes[at] === closing && around.connection && codes[at + 1] === closing) at++;
    else if (codes[at] === closing && --depth === 0) {
      if (endsBefore(view, at)) return { start: start + 1, end: at };
      return { start: start + 1, end: plainEnd(view, at, around) };
    }
  }
  return { start: start + 1, end: length };
}

function plainEnd(view: Unfolded, start: number, around: Around): number {
  const { codes, levels, length } = view;
  let { connection } = around;
  for (let at = start; at < length; at++) {
    const code = codes[at];
    const group = classOf[code];
    if (levels[at] > around.level || (group & nameChar) !== 0) continue;
    if (group & lineEnd || (levels[at] < around.level && endsEncoded(code))) return at;
    if (group & blank && !around.line && !connection && !around.query) connection = leadsToName(view, at);
    if (around.line ? endsLine(view, at, around) : ends(view, at, around, connection)) return at;
  }
  return length;
}

function endsLine(view: Unfolded, at: number, { header, quote: around }: Around): boolean {
  const { codes } = view;
  if (codes[at] === Char.backslash) return escapedEnd(view, at);
  if (around !== 0) return codes[at] === around;
  if (header || codes[at] !== Char.comma) return false;
  return (classOf[codes[at + 1]] & blank) !== 0 && nameFollows(view, at + 1, false);
}

function ends(view: Unfolded, at: number, { query, header, quote: around }: Around, connection: boolean): boolean {
  const { codes, length } = view;
  const code = codes[at];
  const next = at + 1 < length ? codes[at + 1] : Char.space;
  if (classOf[code] & blank) return !connection && !(header && codes[at - 1] === Char.semicolon);
  if (classOf[code] & quote) return code === around || endsBefore(view, at);
  switch (code) {
    case Char.backslash:
      return escapedEnd(view, at);
    case Char.ampersand:
      return query || nameFollows(view, at + 1, false);
    case Char.hash:
      return query;
    case Char.question:
      return nameFollows(view, at + 1, false);
    case Char.semicolon:
      return !header && (nameFollows(view, at + 1, true) || (!connection && (classOf[next] & (blank | lineEnd)) !== 0));
    case Char.comma:
      return !query && !connection && ((classOf[next] & (blank | lineEnd)) !== 0 || nameFollows(view, at + 1, false));
    case Char.closeBrace:
    case Char.closeBracket:
    case Char.close:
      return !connection && endsBefore(view, at);
    case Char.greater:
      return query || (!connection && endsBefore(view, at));
    case Char.less:
      return query || next === Char.slash;
    default:
      return false;
  }
}

/** A backslash that belongs to a quote, or to a line end as JSON writes it when another name follows. */
function escapedEnd(view: Unfolded, at: number): boolean {
  const { codes, length } = view;
  let after = at;
  while (after < length && codes[after] === Char.backslash) after++;
  if (after < length && classOf[codes[after]] & quote) return endsBefore(view, after);
  if (codes[after] === 0x72 && codes[after + 1] === Char.backslash) return escapedEnd(view, after + 1);
  return (codes[after] === 0x6e || codes[after] === 0x72) && nameFollows(view, after + 1, false);
}

/** Does another `name=`, `name: ` or `"name":` begin at `at`? `spaced`: names may have blanks in them, as `User Id`. */
function nameFollows(view: Unfolded, at: number, spaced: boolean): boolean {
  const { codes, length } = view;
  const limit = Math.min(length - 1, at + maxNextName);
  const start = pastQuotes(codes, at, limit);
  let end = start;
  while (end < limit && (classOf[codes[end]] & nameChar || (spaced && codes[end] === Char.space))) end++;
  if (end === start) return false;
  const after = pastQuotes(codes, end, limit);
  const next = codes[after + 1];
  if (after + 1 >= length) return false;
  if (codes[after] === Char.equals) return next !== Char.equals;
  return codes[after] === Char.colon && (classOf[next] & (blank | quote) || classOf[codes[after - 1]] & quote) !== 0;
}

function pastQuotes(codes: Uint8Array, at: number, limit: number): number {
  while (at < limit && (classOf[codes[at]] & (blank | quote) || codes[at] === Char.backslash)) at++;
  return at;
}

/** Is the blank at `at` inside a value of a connection string: does a `;` with a name behind it follow soon? */
function leadsToName(view: Unfolded, at: number): boolean {
  const { codes, length } = view;
  for (const limit = Math.min(length, at + maxNextName); at < limit; at++) {
    if (classOf[codes[at]] & (quote | lineEnd) || codes[at] === Char.equals) return false;
    if (codes[at] === Char.semicolon) return nameFollows(view, at + 1, true);
  }
  return false;
}
