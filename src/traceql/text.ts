import { TraceQLError } from './error.ts';

const escapes: Record<string, string> = { n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v' };
const numbered = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))/y;

/** Reads a string literal at `at`: double quoted with Go's escapes, or between backquotes as it stands. */
export function readString(query: string, at: number): { value: string; end: number } {
  return query[at] === '`' ? readRaw(query, at) : readQuoted(query, at);
}

function readRaw(query: string, at: number): { value: string; end: number } {
  const close = query.indexOf('`', at + 1);
  if (close < 0) throw new TraceQLError(query, at, 'expected a closing backquote, found the end of the query');
  return { value: query.slice(at + 1, close), end: close + 1 };
}

function readQuoted(query: string, at: number): { value: string; end: number } {
  let value = '';
  for (let i = at + 1; i < query.length; ) {
    const character = query[i];
    if (character === '"') return { value, end: i + 1 };
    if (character === '\n') throw new TraceQLError(query, i, 'expected a closing quote, found a line break');
    if (character !== '\\') {
      value += character;
      i++;
      continue;
    }
    const escaped = readEscape(query, i);
    value += escaped.value;
    i = escaped.end;
  }
  throw new TraceQLError(query, at, 'expected a closing quote, found the end of the query');
}

function readEscape(query: string, at: number): { value: string; end: number } {
  const next = query[at + 1];
  if (next === '"' || next === '\\' || next === "'") return { value: next, end: at + 2 };
  if (escapes[next] !== undefined) return { value: escapes[next], end: at + 2 };
  numbered.lastIndex = at;
  const found = numbered.exec(query);
  if (found === null) throw new TraceQLError(query, at, `invalid escape sequence "\\${next ?? ''}"`);
  const code =
    found[4] === undefined ? Number.parseInt(found[1] ?? found[2] ?? found[3], 16) : Number.parseInt(found[4], 8);
  if (code > 0x10ffff) throw new TraceQLError(query, at, `no such character "${found[0]}"`);
  return { value: String.fromCodePoint(code), end: numbered.lastIndex };
}
