import type { Argument, CompareOperator, MathOperator, Node, PathField } from './ast.ts';
import { type Token, tokenize } from './lexer.ts';
import { OttlError } from './problem.ts';

/** Conditions are short; what is longer is a mistake, or an attack. */
const maxChars = 8192;
/** How deep parentheses, lists and calls may stand in one another. */
const maxDepth = 64;

/**
 * Reads a condition; throws OttlError. The grammar is that of pkg/ottl's grammar.go, where `not` binds strongest of the
 * words and takes one comparison:
 *
 *     or := and ('or' and)*            and := not ('and' not)*        not := 'not'? comparison
 *     comparison := sum (op sum)?      sum := product (± product)*    product := unary (×÷ unary)*
 */
export function parseCondition(source: string): Node {
  if (source.length > maxChars) throw new OttlError(maxChars, `longer than ${maxChars} characters`);
  return new Parser(tokenize(source)).whole();
}

const comparisons: readonly string[] = ['==', '!=', '<', '<=', '>', '>='];

class Parser {
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  whole(): Node {
    const node = this.#or();
    if (this.#token.type !== 'end') throw this.#unexpected('"and", "or" or the end');
    return node;
  }

  get #token(): Token {
    return this.#tokens[this.#next]!;
  }

  #or(): Node {
    return this.#joined('or', () => this.#joined('and', () => this.#not()));
  }

  #joined(word: 'and' | 'or', part: () => Node): Node {
    const of = [part()];
    while (this.#takes(word)) of.push(part());
    return of.length === 1 ? of[0]! : { is: word, of, at: of[0]!.at, end: of.at(-1)!.end };
  }

  #not(): Node {
    const { at } = this.#token;
    if (!this.#takes('not')) return this.#comparison();
    const of = this.#comparison();
    return { is: 'not', of, at, end: of.end };
  }

  #comparison(): Node {
    const left = this.#sum();
    const op = this.#token;
    if (op.type !== 'sign' || !comparisons.includes(op.text)) return left;
    this.#next++;
    const right = this.#sum();
    return { is: 'comparison', op: op.text as CompareOperator, left, right, at: left.at, end: right.end };
  }

  #sum(): Node {
    return this.#math(['+', '-'], () => this.#math(['*', '/'], () => this.#unary()));
  }

  #math(operators: readonly MathOperator[], part: () => Node): Node {
    let left = part();
    for (let op = this.#takesOne(operators); op !== undefined; op = this.#takesOne(operators)) {
      const right = part();
      left = { is: 'math', op, left, right, at: left.at, end: right.end };
    }
    return left;
  }

  #unary(): Node {
    const { at } = this.#token;
    const sign = this.#takesOne(['+', '-']);
    const of = this.#primary();
    if (sign !== '-') return of;
    if (of.is === 'literal' && (typeof of.value === 'bigint' || typeof of.value === 'number'))
      return { ...of, value: -of.value, at };
    return { is: 'negated', of, at, end: of.end };
  }

  #primary(): Node {
    const token = this.#token;
    if (this.#takes('(')) return this.#deeper(token, () => this.#closed(this.#or(), token));
    if (this.#takes('[')) return this.#deeper(token, () => this.#list(token));
    this.#next++;
    const { at, end, text } = token;
    if (token.type === 'text') return { is: 'literal', value: text, at, end };
    if (token.type === 'int') return { is: 'literal', value: int64(token), at, end };
    if (token.type === 'float') return { is: 'literal', value: Number(text), at, end };
    if (token.type === 'bytes') return { is: 'literal', value: bytes(token), at, end };
    if (token.type === 'name') return this.#named(token);
    this.#next--;
    throw this.#unexpected('a value');
  }

  #closed(node: Node, open: Token): Node {
    const { end } = this.#expect(')');
    return { ...node, at: open.at, end };
  }

  #list(open: Token): Node {
    const items = this.#until(']', () => this.#sum());
    return { is: 'list', items, at: open.at, end: this.#tokens[this.#next - 1]!.end };
  }

  #named(token: Token): Node {
    const { text, at, end } = token;
    if (text === 'nil') return { is: 'literal', value: null, at, end };
    if (text === 'true' || text === 'false') return { is: 'literal', value: text === 'true', at, end };
    if (['and', 'or', 'not', 'where'].includes(text)) {
      this.#next--;
      throw this.#unexpected('a value');
    }
    if (this.#token.text === '(' && this.#token.type === 'sign') return this.#call(token);
    if (/^[a-z][a-z0-9_]*$/.test(text)) return this.#path(token);
    if (/^[A-Z][A-Z0-9_]*$/.test(text)) return { is: 'enum', name: text, at, end };
    throw new OttlError(at, `${text} is no path: paths are lower case; a function has parentheses`);
  }

  #call(name: Token): Node {
    if (/^[a-z]/.test(name.text))
      throw new OttlError(name.at, `${name.text} changes data: a condition has functions in upper case alone`);
    this.#next++;
    const args = this.#deeper(name, () => this.#until(')', () => this.#argument()));
    const end = this.#tokens[this.#next - 1]!.end;
    if (this.#token.text === '[' && this.#token.type === 'sign')
      throw new OttlError(this.#token.at, `no index behind ${name.text}(…)`);
    return { is: 'call', name: name.text, args, at: name.at, end };
  }

  #argument(): Argument {
    const first = this.#token;
    const named = first.type === 'name' && this.#tokens[this.#next + 1]?.text === '=';
    if (named) this.#next += 2;
    const value = this.#sum();
    return { name: named ? first.text : undefined, value, at: first.at, end: value.end };
  }

  #path(first: Token): Node {
    const fields = [this.#field(first)];
    while (this.#takes('.')) {
      const name = this.#token;
      if (name.type !== 'name' || !/^[a-z][a-z0-9_]*$/.test(name.text)) throw this.#unexpected('a name in lower case');
      this.#next++;
      fields.push(this.#field(name));
    }
    return { is: 'path', fields, at: first.at, end: fields.at(-1)!.end };
  }

  #field(name: Token): PathField {
    const keys: { key: string | bigint; at: number; end: number }[] = [];
    let { end } = name;
    while (this.#takes('[')) {
      const key = this.#token;
      if (key.type !== 'text' && key.type !== 'int') throw this.#unexpected('a key in double quotes, or a number');
      this.#next++;
      end = this.#expect(']').end;
      keys.push({ key: key.type === 'text' ? key.text : int64(key), at: key.at, end: key.end });
    }
    return { name: name.text, keys, at: name.at, end };
  }

  /** Parts with commas between them, up to and with `close`. */
  #until<T>(close: string, part: () => T): T[] {
    const parts: T[] = [];
    if (this.#takes(close)) return parts;
    do parts.push(part());
    while (this.#takes(','));
    this.#expect(close);
    return parts;
  }

  #deeper<T>(at: Token, part: () => T): T {
    if (++this.#depth > maxDepth) throw new OttlError(at.at, `more than ${maxDepth} of them in one another`);
    const made = part();
    this.#depth--;
    return made;
  }

  #takes(text: string): boolean {
    const { type, text: own } = this.#token;
    if (own !== text || (type !== 'sign' && type !== 'name')) return false;
    this.#next++;
    return true;
  }

  #takesOne<T extends string>(texts: readonly T[]): T | undefined {
    return texts.find((text) => this.#takes(text));
  }

  #expect(text: string): Token {
    const token = this.#token;
    if (!this.#takes(text)) throw this.#unexpected(JSON.stringify(text));
    return token;
  }

  #unexpected(expected: string): OttlError {
    const { type, text, at } = this.#token;
    return new OttlError(at, `${type === 'end' ? text : JSON.stringify(text)}: expected ${expected}`);
  }
}

function int64({ text, at }: Token): bigint {
  const value = BigInt(text);
  if (value > 0x7fff_ffff_ffff_ffffn) throw new OttlError(at, `${text} is more than 64 bits hold`);
  return value;
}

function bytes({ text, at }: Token): Uint8Array {
  if (text.length % 2 === 1) throw new OttlError(at, `${text}: expected two digits for each byte`);
  return Uint8Array.from(text.slice(2).match(/../g)!, (byte) => Number.parseInt(byte, 16));
}
