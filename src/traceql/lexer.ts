import type { AttributeScope } from './ast.ts';
import { readDuration } from './duration.ts';
import { TraceQLError } from './error.ts';
import { readString } from './text.ts';

/** A piece of a query; `position` is its index in the text. */
export type Token = { readonly position: number; readonly text: string } & (
  | { readonly type: 'symbol' | 'word' | 'end' }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'number' | 'duration'; readonly value: number | bigint }
  | { readonly type: 'attribute'; readonly scope: AttributeScope; readonly key: string }
);

/** Longest first. */
const symbols = '&>> &<< !>> !<< && || >= <= != =~ !~ >> << !> !< &~ &> &< { } ( ) = > < ! , | - + * / % ^ ~ &'.split(
  ' ',
);
/** Space and comments, as Go has them; a block that is never closed is no comment. */
const space = /(?:\s|\/\/[^\n]*|\/\*[^*]*\*+(?:[^/*][^*]*\*+)*\/)*/y;
const number = /(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)/y;
const largestInteger = 2n ** 63n - 1n;
/** Words may carry a colon (`span:name`) and always begin with a letter. */
const word = /[\p{L}_][\p{L}\p{N}_]*(?::[\p{L}_][\p{L}\p{N}_]*)?/uy;
const attributePrefix = /(?:(parent|resource|span|event|link|instrumentation)(?=\.)|(?=\.(?!\d)))(?:\.)/y;
/** What ends an unquoted attribute name (Tempo, pkg/traceql/lexer.go: isAttributeRune). */
const attributeText = /[^\s{}()=~!<>&|^,"]+/y;

/** The tokens of a TraceQL query, the last one of type `end`. */
export function tokenize(query: string): Token[] {
  const tokens: Token[] = [];
  for (let at = take(query, 0, space)!.end; at < query.length; ) {
    const { token, end } = readToken(query, at);
    tokens.push(token);
    at = take(query, end, space)!.end;
  }
  tokens.push({ type: 'end', position: query.length, text: '' });
  return tokens;
}

function take(query: string, at: number, pattern: RegExp): { text: string; end: number } | undefined {
  pattern.lastIndex = at;
  const found = pattern.exec(query);
  return found === null ? undefined : { text: found[0], end: pattern.lastIndex };
}

function readToken(query: string, at: number): { token: Token; end: number } {
  const prefix = take(query, at, attributePrefix);
  if (prefix !== undefined) return readAttribute(query, at, prefix);
  if (query[at] === '"' || query[at] === '`') {
    const { value, end } = readString(query, at);
    return { token: { type: 'string', value, position: at, text: query.slice(at, end) }, end };
  }
  const digits = take(query, at, number);
  if (digits !== undefined) return readNumber(query, at, digits);
  const found = take(query, at, word);
  if (found !== undefined) return { token: { type: 'word', position: at, text: found.text }, end: found.end };
  if (query.startsWith('/*', at))
    throw new TraceQLError(query, at, 'expected the end of the comment, found the end of the query');
  const symbol = symbols.find((s) => query.startsWith(s, at));
  if (symbol === undefined) {
    throw new TraceQLError(query, at, `unexpected character "${String.fromCodePoint(query.codePointAt(at)!)}"`);
  }
  return { token: { type: 'symbol', position: at, text: symbol }, end: at + symbol.length };
}

function readNumber(query: string, at: number, digits: { text: string; end: number }): { token: Token; end: number } {
  const duration = readDuration(query, at);
  if (duration !== undefined) {
    const text = query.slice(at, duration.end);
    return { token: { type: 'duration', value: duration.nanoseconds, position: at, text }, end: duration.end };
  }
  const { text, end } = digits;
  const isInteger = /^\d+$/.test(text);
  // Digits without end are no number, and are not read as one.
  if (isInteger && (text.length > 100 || BigInt(text) > largestInteger))
    throw new TraceQLError(query, at, `expected a number of 64 bits, at most ${largestInteger}`);
  const value = isInteger ? BigInt(text) : Number(text);
  return { token: { type: 'number', value, position: at, text }, end };
}

/** `.key`, `span.key`, `span."a quoted key"` or a mix of both, as in `span.a."b c".d`. */
function readAttribute(
  query: string,
  at: number,
  prefix: { text: string; end: number },
): { token: Token; end: number } {
  const scope = prefix.text.slice(0, -1) || 'any';
  if (scope === 'parent')
    throw new TraceQLError(query, at, 'attributes of the parent span (parent.…) are not supported');
  let key = '';
  let end = prefix.end;
  for (;;) {
    if (query[end] === '"') {
      const quoted = readString(query, end);
      key += quoted.value;
      end = quoted.end;
      continue;
    }
    const plain = take(query, end, attributeText);
    if (plain === undefined) break;
    key += plain.text;
    end = plain.end;
  }
  if (key === '') throw new TraceQLError(query, end, `expected an attribute name after "${prefix.text}"`);
  const token = {
    type: 'attribute',
    scope: scope as AttributeScope,
    key,
    position: at,
    text: query.slice(at, end),
  } as const;
  return { token, end };
}
