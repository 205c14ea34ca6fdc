import { type DecodedText, decodeText } from './decoded-text.ts';
import { mask } from './rule.ts';
import { Strength } from './secret-names.ts';
import {
  bracketBit,
  endsHere,
  isNameCode,
  isQuote,
  isSpace,
  pairFollows,
  quotedEnd,
  type ValuePlace,
  valueEnd,
} from './value-end.ts';

/** How sure it is that a name stands for a secret. `separator`: `=`, `:`, `>` or a space. */
export type Judge = (name: string, separator: string) => Strength;

/**
 * Hides the values of names that `judge` knows, in any text: `name=value` of URLs, connection strings, environments and command lines,
 * `"name": "value"` of JSON, `Name: value` of headers and YAML, `--name value`, `NAME 'value'` of SQL, `<name>value</name>`, escaped as
 * often as you like. One pass; where a name is no secret's, it looks on from the value's start, so that what is nested is found too.
 * `found` is called for each value hidden. Time is linear in the length of the text.
 */
export function hideNamedValues(text: string, judge: Judge, found: () => void): string {
  const decoded = decodeText(text);
  const scan = new Scan(decoded, judge);
  let out = '';
  let copied = 0;
  for (let value = scan.next(); value !== undefined; value = scan.next()) {
    const start = decoded.at[value.start];
    out += text.slice(copied, start) + mask;
    copied = decoded.at[value.end];
    found();
  }
  return copied === 0 ? text : out + text.slice(copied);
}

interface Found {
  readonly start: number;
  readonly end: number;
}

/** A name that ends before a sign. */
interface Name {
  readonly text: string;
  readonly start: number;
  /** The quote directly before it; 0 = none. */
  readonly quote: number;
  /** It is in quotes, which end before the sign. */
  readonly quoted: boolean;
}

const maxName = 128;
const maxSpaces = 8;
const keepsScheme = /^\s*(?:bearer|basic|digest|token|negotiate|apikey|aws4-hmac-sha256)\s+/i;
const header = /^(?:set-)?cookie2?$|^(?:proxy-)?authorization$/i;

class Scan {
  readonly #text: DecodedText;
  readonly #judge: Judge;
  #at = 0;
  /** Brackets that are open, as bits; whether this is in a URL, and in its query. Spaces and quotes end those. */
  #open = 0;
  #url = false;
  #query = false;

  constructor(text: DecodedText, judge: Judge) {
    this.#text = text;
    this.#judge = judge;
  }

  /** The next value to hide; undefined where there is none. */
  next(): Found | undefined {
    const { codes, length } = this.#text;
    while (this.#at < length) {
      const i = this.#at++;
      const code = codes[i];
      if (isNameCode(code)) continue;
      const found =
        code === 0x3d || code === 0x3a || code === 0x3e || isSpace(code) || code === 0x2c ? this.#value(i) : undefined;
      this.#note(code, i);
      if (found === undefined) continue;
      this.#at = found.end;
      return found;
    }
    return undefined;
  }

  #note(code: number, i: number): void {
    const { codes } = this.#text;
    const bit = bracketBit(code);
    if (bit !== 0) this.#open = code === 0x28 || code === 0x5b || code === 0x7b ? this.#open | bit : this.#open;
    else if (isSpace(code) || isQuote(code)) this.#url = this.#query = false;
    else if (code === 0x3f) this.#query = true;
    else if (code === 0x3a && codes[i + 1] === 0x2f && codes[i + 2] === 0x2f) this.#url = true;
  }

  #value(sign: number): Found | undefined {
    const { codes, length } = this.#text;
    const name = this.#name(sign);
    if (name === undefined) return undefined;
    switch (codes[sign]) {
      case 0x3d: {
        const next = codes[sign + 1];
        return this.#behind(name, sign, '=', sign + (next === 0x3d || next === 0x3e ? 2 : 1));
      }
      case 0x3a: {
        const next = codes[sign + 1];
        if (sign + 1 >= length || next === 0x2f || next === 0x3a) return undefined;
        return this.#behind(name, sign, ':', sign + (next === 0x3d ? 2 : 1));
      }
      case 0x3e:
        return codes[name.start - 1] === 0x3c || (codes[name.start - 1] === 0x3a && this.#isTag(name.start - 1))
          ? this.#element(name, sign)
          : undefined;
      case 0x2c:
        return name.quoted && name.text.startsWith('-') ? this.#behind(name, sign, ' ', sign + 1) : undefined;
      default:
        return this.#spaced(name, sign);
    }
  }

  /** `--name value`, and `PASSWORD 'value'`. */
  #spaced(name: Name, sign: number): Found | undefined {
    const { codes, length } = this.#text;
    let start = sign;
    while (start < length && start < sign + maxSpaces && codes[start] === 0x20) start++;
    if (start >= length) return undefined;
    const next = codes[start];
    if (name.text.startsWith('-'))
      return next === 0x2d || next === 0x3d ? undefined : this.#behind(name, sign, ' ', start);
    return isQuote(next) && !name.quoted ? this.#behind(name, sign, ' ', start) : undefined;
  }

  #isTag(colon: number): boolean {
    const { codes } = this.#text;
    let i = colon - 1;
    while (i > 0 && i > colon - 32 && isNameCode(codes[i])) i--;
    return codes[i] === 0x3c;
  }

  #element(name: Name, sign: number): Found | undefined {
    if (this.#judge(name.text, '>') === Strength.none) return undefined;
    const { codes, length } = this.#text;
    let end = sign + 1;
    while (end < length && codes[end] !== 0x3c) end++;
    return this.#hidden(Strength.strong, '>', sign + 1, end);
  }

  /** The value from `start` on, spaces before it left out. */
  #behind(name: Name, sign: number, separator: string, from: number): Found | undefined {
    let strength = this.#judge(name.text.replace(/^-+/, ''), separator);
    if (strength === Strength.none) return undefined;
    const { codes, depths, length } = this.#text;
    let start = from;
    while (start < length && start < from + maxSpaces && (codes[start] === 0x20 || codes[start] === 9)) start++;
    const prefixed =
      start + 1 < length && isQuote(codes[start + 1]) && /[bnru@]/i.test(String.fromCharCode(codes[start]));
    const open = prefixed ? start + 1 : start;
    if (
      open < length &&
      isQuote(codes[open]) &&
      (codes[open] !== name.quote || name.quoted || !endsHere(this.#text, open + 1))
    )
      return this.#hidden(strength, separator, open + 1, quotedEnd(this.#text, open));
    if (codes[start] === 0x7b && separator === '=' && depths[start] <= depths[sign]) {
      const closed = this.#closing(start);
      if (closed > 0) return this.#hidden(strength, separator, start, closed + 1);
    }
    const isHeader = separator === ':' && header.test(name.text);
    if (separator === ':' && !name.quoted && !isHeader && /^tokens?$/i.test(name.text)) strength = Strength.weak;
    const end = valueEnd(this.#text, start, this.#place(name, sign, start, separator, isHeader));
    if (isHeader) start += keepsScheme.exec(this.#slice(start, Math.min(end, start + 32)))?.[0].length ?? 0;
    return this.#hidden(strength, separator, start, trimmed(codes, start, end));
  }

  /** `{…}` as ODBC writes it: where the brace closes. */
  #closing(open: number): number {
    const { codes, length } = this.#text;
    for (let i = open + 1; i < length; i++) if (codes[i] === 0x7d && codes[i + 1] !== 0x7d) return i;
    return -1;
  }

  #place(name: Name, sign: number, start: number, separator: string, isHeader: boolean): ValuePlace {
    const { depths } = this.#text;
    return {
      depth: depths[sign],
      enclosing: name.quoted ? 0 : name.quote,
      line: isHeader || (separator === ':' && !name.quoted && name.quote === 0 && this.#startsLine(name.start)),
      query: this.#query,
      url: this.#url || this.#query,
      list: separator === '=' && !this.#query && this.#isInList(name.start, start),
      open: this.#open,
    };
  }

  /** Does nothing but spaces, or `- ` of a YAML list, stand before it in its line? */
  #startsLine(at: number): boolean {
    const { codes } = this.#text;
    let i = at - 1;
    while (i >= 0 && i > at - 32 && (codes[i] === 0x20 || codes[i] === 0x2d)) i--;
    return i >= 0 ? codes[i] === 10 || codes[i] === 13 : this.#text.codes.subarray(0, this.#text.length).includes(10);
  }

  /** `a=1;name=value;b=2`: is the pair one of several that `;` divides? */
  #isInList(nameStart: number, start: number): boolean {
    const { codes, length } = this.#text;
    let i = nameStart - 1;
    while (i >= 0 && i > nameStart - maxSpaces && codes[i] === 0x20) i--;
    if (i >= 0 && codes[i] === 0x3b) return true;
    for (let at = start; at < length && at < start + 256; at++) {
      const code = codes[at];
      if (code === 0x3b) return pairFollows(this.#text, at + 1);
      if (code === 10 || isQuote(code) || (code === 0x20 && pairFollows(this.#text, at + 1))) return false;
    }
    return false;
  }

  #hidden(strength: Strength, separator: string, start: number, end: number): Found | undefined {
    if (end <= start) return undefined;
    const value = this.#slice(start, Math.min(end, start + 64));
    if (isNoSecret.test(value)) return undefined;
    if (strength === Strength.weak && !(separator === '=' ? !isCount.test(value) : looksSecret.test(value)))
      return undefined;
    return { start, end };
  }

  /** The name before a sign: `password`, `"password"`, `user[password]`, `password[]`, `--password`. */
  #name(sign: number): Name | undefined {
    const { codes } = this.#text;
    let i = sign - 1;
    while (i >= 0 && i > sign - maxSpaces && codes[i] === 0x20) i--;
    let quoted = false;
    if (i >= 0 && isQuote(codes[i])) {
      quoted = true;
      i--;
    }
    let end = i + 1;
    if (i >= 0 && codes[i] === 0x5d) {
      let open = i - 1;
      while (open > 0 && open > i - maxName && codes[open] !== 0x5b) open--;
      if (codes[open] !== 0x5b) return undefined;
      const inside = this.#slice(open + 1, i).replace(/^["'`]|["'`]$/g, '');
      if (!/^\d*$/.test(inside)) return { text: inside, start: open, quote: 0, quoted: false };
      i = open - 1;
      end = open;
    }
    while (i >= 0 && i > end - maxName && isNameCode(codes[i])) i--;
    if (i + 1 === end) return undefined;
    const quote = i >= 0 && isQuote(codes[i]) ? codes[i] : 0;
    return { text: this.#slice(i + 1, end), start: i + 1, quote, quoted: quoted && quote !== 0 };
  }

  #slice(start: number, end: number): string {
    return this.#text.slice(start, end);
  }
}

/** What stands where a secret would, and is none: hidden already, a placeholder, a word of the language. */
const isNoSecret =
  /^(?:\*+|x{3,}|null|nil|none|undefined|true|false|\?+|\$\d+|%s|\$\{[\w.:-]*\}|\{\{[^}]*\}\}|<[a-z _-]+>|\[[a-z _-]+\]|redacted|include|omit|same-origin)$/i;

/** `pass=10`, `sig=11`, `sig=SIGTERM`. */
const isCount = /^(?:\d{1,5}|SIG[A-Z]+)$/;
const looksSecret = /^(?=.*\d)(?=.*[a-z]).{6,}$|^.{16,}$/i;

function trimmed(codes: Uint16Array, start: number, end: number): number {
  let at = end;
  while (at > start && isSpace(codes[at - 1])) at--;
  return at;
}
