const blank = /[ \t\n\r]*/y;
const literal = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|(?:true|false|null)(?!\w)/y;
const escaped = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** Beyond this it is not worth the time of those who sent well. */
const maxCharacters = 1024 * 1024;

/** What may come next. */
type Expected = 'a value' | 'a value or ]' | 'a key' | 'a key or }' | ':' | ', or }' | ', or ]' | 'the end';

/**
 * Where a text stops being JSON: the character, and what was expected there. JSON.parse says so for some mistakes
 * only; this is called after it has failed, so it may be slow.
 */
export function whereBroken(text: string): string {
  if (text.length > maxCharacters) return `${text.length} characters, broken somewhere`;
  const open: string[] = [];
  let expected: Expected = 'a value';
  for (let at = skip(blank, text, 0); ; at = skip(blank, text, at)) {
    const end = tokenEnd(text, at);
    const follows: Expected | undefined = end === at ? undefined : follow(expected, text[at], open);
    if (follows === undefined) return describe(text, at, expected);
    expected = follows;
    at = end;
  }
}

/** What may come after a token that begins with `first`; undefined where it is out of place. */
function follow(expected: Expected, first: string, open: string[]): Expected | undefined {
  if (first === '}' || first === ']') return close(expected, first, open);
  if (first === ':') return expected === ':' ? 'a value' : undefined;
  if (first === ',') return expected === ', or }' ? 'a key' : expected === ', or ]' ? 'a value' : undefined;
  if (expected.startsWith('a key')) return first === '"' ? ':' : undefined;
  if (!expected.startsWith('a value')) return undefined;
  if (first !== '{' && first !== '[') return after(open);
  open.push(first);
  return first === '{' ? 'a key or }' : 'a value or ]';
}

function close(expected: Expected, mark: string, open: string[]): Expected | undefined {
  if (!expected.endsWith(`or ${mark}`)) return undefined;
  open.pop();
  return after(open);
}

function after(open: readonly string[]): Expected {
  if (open.length === 0) return 'the end';
  return open.at(-1) === '{' ? ', or }' : ', or ]';
}

/** Where the token at `at` ends; `at` itself where there is none. */
function tokenEnd(text: string, at: number): number {
  const first = text[at] ?? '';
  if (first !== '' && '{}[]:,'.includes(first)) return at + 1;
  return first === '"' ? stringEnd(text, at) : skip(literal, text, at);
}

function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length && text.charCodeAt(at) >= 0x20; at++) {
    if (text[at] === '"') return at + 1;
    if (text[at] !== '\\') continue;
    const end = skip(escaped, text, at);
    if (end === at) break;
    at = end - 1;
  }
  return start;
}

/** Where the match of a sticky pattern at `at` ends; `at` where there is none. */
function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

function describe(text: string, at: number, expected: Expected): string {
  const found = at < text.length ? JSON.stringify(text.slice(at, at + 20)) : 'the end of the text';
  return `expected ${expected} at character ${at}, found ${found}`;
}
