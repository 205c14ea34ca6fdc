import { OttlError } from './problem.ts';

type TokenType = 'name' | 'text' | 'int' | 'float' | 'bytes' | 'sign' | 'end';

/** A word, a number, a text without its quotes, or a sign; with where it starts and ends. */
export interface Token {
  readonly type: TokenType;
  readonly text: string;
  readonly at: number;
  readonly end: number;
}

const tokens =
  /(?<space>\s+)|(?<bytes>0x[0-9a-fA-F]+)|(?<float>(?:\d+\.\d*|\.\d+)(?:[eE][-+]?\d+)?)|(?<int>\d+)|(?<text>"(?:[^"\\\n]|\\[^\n])*")|(?<name>[A-Za-z][A-Za-z0-9_]*)|(?<sign>==|!=|>=|<=|[-<>+*/=().,[\]{}:])/y;

/** Cuts a condition into tokens, as pkg/ottl's buildLexer does. Each alternative is linear: no repetition in another. */
export function tokenize(source: string): readonly Token[] {
  const found: Token[] = [];
  for (let at = 0; at < source.length; ) {
    tokens.lastIndex = at;
    const { groups } = tokens.exec(source) ?? {};
    if (groups === undefined) throw stray(source, at);
    const [type, raw] = Object.entries(groups).find(([, text]) => text !== undefined)!;
    const end = at + raw!.length;
    if (type !== 'space')
      found.push({ type: type as TokenType, text: type === 'text' ? unquote(raw!, at) : raw!, at, end });
    at = end;
  }
  return [...found, { type: 'end', text: 'the end', at: source.length, end: source.length }];
}

function stray(source: string, at: number): OttlError {
  if (source[at] === '"') return new OttlError(at, 'a text that does not end: expected a closing "');
  if (source[at] === "'") return new OttlError(at, "texts stand between double quotes, not '");
  return new OttlError(at, `${JSON.stringify(String.fromCodePoint(source.codePointAt(at)!))} means nothing here`);
}

const escapes = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))/gsu;
const simple: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
};

/** Go's escapes, for that is what the Collector reads. `\x` and octals are bytes there; here the ASCII ones alone. */
function unquote(raw: string, start: number): string {
  return raw.slice(1, -1).replace(escapes, (all, x, u, U, octal, sign: string | undefined, offset: number) => {
    const at = start + 1 + offset;
    if (sign !== undefined) {
      if (Object.hasOwn(simple, sign)) return simple[sign]!;
      throw new OttlError(at, `no escapes: ${all}; write \\\\${sign} for a backslash before ${JSON.stringify(sign)}`);
    }
    const code = Number.parseInt(x ?? u ?? U ?? octal, octal === undefined ? 16 : 8);
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000) || ((x ?? octal) !== undefined && code > 0x7f))
      throw new OttlError(at, `${all} is no character`);
    return String.fromCodePoint(code);
  });
}
