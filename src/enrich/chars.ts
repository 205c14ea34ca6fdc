/** Classes of ASCII characters, as bits: a text is read character by character. */
export const nameChar = 1;
export const blank = 2;
export const lineEnd = 4;
export const quote = 8;
/** A quote or a bracket before one of these closes; before anything else it belongs to the value. */
export const delimiter = 16;
export const digit = 32;
/** May stand between a name and its value, or ends what was between two. */
export const separator = 64;

export const classOf = new Uint8Array(256);

const put = (chars: string, bits: number): void => {
  for (const char of chars) classOf[char.charCodeAt(0)] |= bits;
};
put('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.', nameChar);
put('0123456789', digit);
put(' \t', blank | delimiter);
put('\n\r\0', lineEnd | delimiter);
put('"\'`', quote | delimiter);
put(',;:}])>&#</|\\', delimiter);
put(' \t=:>,(}<', separator);

/** Character codes, by what they are called. */
export const Char = {
  tab: 0x09,
  space: 0x20,
  bang: 0x21,
  doubleQuote: 0x22,
  hash: 0x23,
  ampersand: 0x26,
  singleQuote: 0x27,
  open: 0x28,
  close: 0x29,
  comma: 0x2c,
  dash: 0x2d,
  slash: 0x2f,
  colon: 0x3a,
  semicolon: 0x3b,
  less: 0x3c,
  equals: 0x3d,
  greater: 0x3e,
  question: 0x3f,
  at: 0x40,
  openBracket: 0x5b,
  backslash: 0x5c,
  closeBracket: 0x5d,
  openBrace: 0x7b,
  closeBrace: 0x7d,
  tilde: 0x7e,
} as const;
