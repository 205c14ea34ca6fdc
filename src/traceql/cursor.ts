import { TraceQLError } from './error.ts';
import { type Token, tokenize } from './lexer.ts';
import { unsupportedWords } from './names.ts';

/** Every condition is asked of every span, so there is an end to them; a query of 128 KiB seldom has more. */
const maxTokens = 40_000;
const maxDepth = 100;

/** A place among the tokens of a query, and the words for what should have stood there. */
export class Cursor {
  readonly #query: string;
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(query: string) {
    this.#query = query;
    this.#tokens = tokenize(query);
    const tooMany = this.#tokens[maxTokens];
    if (tooMany !== undefined) throw this.error(`more than ${maxTokens - 1} words and signs`, tooMany.position);
  }

  get token(): Token {
    return this.#tokens[this.#at];
  }

  /** Gives the token and moves past it. */
  take(): Token {
    return this.#tokens[this.#at++];
  }

  isWord(word: string): boolean {
    return this.token.type === 'word' && this.token.text === word;
  }

  isSymbol(symbols: ReadonlySet<string>): boolean {
    return this.token.type === 'symbol' && symbols.has(this.token.text);
  }

  /** Moves past the symbol where it stands here. */
  skip(symbol: string): boolean {
    const found = this.token.type === 'symbol' && this.token.text === symbol;
    if (found) this.#at++;
    return found;
  }

  expect(symbol: string, expected: string): void {
    if (!this.skip(symbol)) throw this.unexpected(expected);
  }

  /** The inside of parentheses, after the opening one. */
  inParentheses<T>(inside: () => T, expected = '"&&", "||", a comparison or ")"'): T {
    const result = this.nested(inside);
    this.expect(')', expected);
    return result;
  }

  /** Parsing recurses; a query must not be able to exhaust the stack. */
  nested<T>(inside: () => T): T {
    if (++this.#depth > maxDepth) throw this.error(`nested more than ${maxDepth} deep`);
    const result = inside();
    this.#depth--;
    return result;
  }

  unexpected(expected: string): TraceQLError {
    const { type, text } = this.token;
    const found = type === 'end' ? 'the end of the query' : text.startsWith('"') ? cut(text) : `"${cut(text)}"`;
    const known = type === 'word' && unsupportedWords.has(text) ? ` (${text} is not supported here)` : '';
    return this.error(`expected ${expected}, found ${found}${known}`);
  }

  error(what: string, position = this.token.position): TraceQLError {
    return new TraceQLError(this.#query, position, what);
  }
}

const longest = 100;

/** A stranger's text in a message. */
const cut = (text: string): string => (text.length > longest ? `${text.slice(0, longest)}…` : text);
