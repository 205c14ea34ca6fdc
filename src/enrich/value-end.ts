import type { DecodedText } from './decoded-text.ts';

/**
 * Where a value ends that stands in a text behind its name. A value is hidden whole or not at all, so where it is not sure that a character
 * ends it, it does not; what stands deeper (escaped more often) than the sign between name and value never does.
 */
export interface ValuePlace {
  /** How often the sign between name and value was escaped. */
  readonly depth: number;
  /** The quote that was opened directly before the name and ends both; 0 = none. */
  readonly enclosing: number;
  /** To the end of the line: the value of a header, or of a line of YAML. */
  readonly line: boolean;
  /** Between `?` and the end of a URL: the next `&` ends it. */
  readonly query: boolean;
  /** In a URL: `#` ends it. */
  readonly url: boolean;
  /** Of a list with `;`, as databases are told of by: spaces belong to the value. */
  readonly list: boolean;
  /** Brackets open before the name, as bits of `bracketBit`. */
  readonly open: number;
}

export const isSpace = (code: number): boolean => code <= 0x20 || code === 0xa0;
export const isQuote = (code: number): boolean => code === 0x22 || code === 0x27 || code === 0x60;
const isLineEnd = (code: number): boolean => code === 10 || code === 13;

/** Letters, digits and what names have inside. */
export const isNameCode = (code: number): boolean =>
  (code >= 0x61 && code <= 0x7a) ||
  (code >= 0x41 && code <= 0x5a) ||
  (code >= 0x30 && code <= 0x39) ||
  code === 0x5f ||
  code === 0x2d ||
  code === 0x2e;

/** ( 1, [ 2, { 4; closing ones the same; 0 for others. */
export function bracketBit(code: number): number {
  if (code === 0x28 || code === 0x29) return 1;
  if (code === 0x5b || code === 0x5d) return 2;
  return code === 0x7b || code === 0x7d ? 4 : 0;
}

/** Of a value in quotes, the first behind the opening one at `open`: where the closing one stands, or the end. A doubled quote is part of the value. */
export function quotedEnd({ codes, depths, length }: DecodedText, open: number): number {
  const quote = codes[open];
  const depth = depths[open];
  for (let i = open + 1; i < length; i++) {
    if (codes[i] !== quote || depths[i] > depth) continue;
    if (i === open + 1 || codes[i + 1] !== quote || depths[i + 1] > depth || i + 1 >= length) return i;
    i++;
  }
  return length;
}

/** Of a value without quotes that starts at `start`. */
export function valueEnd(text: DecodedText, start: number, place: ValuePlace): number {
  const { codes, depths, length } = text;
  let inner = 0;
  for (let i = start; i < length; i++) {
    if (depths[i] > place.depth) continue;
    const code = codes[i];
    if (isLineEnd(code) || code === place.enclosing) return i;
    if (place.line || isNameCode(code)) continue;
    if (bracketBit(code) !== 0 && (code === 0x28 || code === 0x5b || code === 0x7b)) inner |= bracketBit(code);
    else if (isEnd(text, i, place, inner)) return i;
  }
  return length;
}

function isEnd(text: DecodedText, i: number, place: ValuePlace, inner: number): boolean {
  const code = text.codes[i];
  if (isSpace(code)) return !place.list;
  switch (code) {
    case 0x26: // &
      return place.query || pairFollows(text, i + 1);
    case 0x3b: // ;
      return place.list || endsHere(text, i + 1) || pairFollows(text, i + 1);
    case 0x2c: // ,
      return (
        pairFollows(text, i + 1) || isSpace(text.codes[i + 1]) || (isQuote(text.codes[i + 1]) && i + 1 < text.length)
      );
    case 0x23: // #
      return place.url;
    case 0x3c: // <
      return text.codes[i + 1] === 0x2f;
    case 0x22:
    case 0x27:
    case 0x60:
      return endsHere(text, i + 1);
    default: {
      const bit = bracketBit(code);
      return bit !== 0 && (place.open & bit) !== 0 && (inner & bit) === 0 && endsHere(text, i + 1);
    }
  }
}

/** Longer names, and more spaces before them, are none. */
const maxName = 64;
const maxSpaces = 8;

/** Does `name=` or `name:` follow, as the next of several pairs? */
export function pairFollows({ codes, length }: DecodedText, from: number): boolean {
  let i = from;
  while (i < length && i < from + maxSpaces && isSpace(codes[i])) i++;
  const name = i;
  while (i < length && i < name + maxName && (isNameCode(codes[i]) || bracketBit(codes[i]) === 2 || codes[i] === 0x20))
    i++;
  return i > name && i < length && (codes[i] === 0x3d || codes[i] === 0x3a);
}

/** Is this the end of the text, or of what stands in brackets, quotes or a sentence? */
export function endsHere({ codes, length }: DecodedText, i: number): boolean {
  if (i >= length) return true;
  const code = codes[i];
  return isSpace(code) || isQuote(code) || ')]},;:>&.'.includes(String.fromCharCode(code));
}
