/** Bits of the code of each byte, and of the end-of-string symbol, which is the 257th. Source: RFC 7541, appendix B. */
const codeBits = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
  5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
  23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
  20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
  27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26, 30,
];
const endOfString = 256;
const longestBits = 30;

/** The code is canonical: codes of one length are consecutive numbers, in the order of their symbols. */
const symbols = codeBits.map((_, symbol) => symbol).sort((a, b) => codeBits[a] - codeBits[b] || a - b);
const countOf = new Uint16Array(longestBits + 1);
for (const bits of codeBits) countOf[bits]++;

/**
 * bytes[start … end) → text, a character a byte; undefined where the bits are no code, hold the end-of-string symbol,
 * or are padded with anything but at most seven ones (RFC 7541, 5.2).
 */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number): string | undefined {
  let text = '';
  let [code, length, first, index] = [0, 0, 0, 0];
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    for (let bit = 7; bit >= 0; bit--) {
      code = (code << 1) | ((byte >> bit) & 1);
      first <<= 1;
      const count = countOf[++length];
      if (code - first < count) {
        const symbol = symbols[index + code - first];
        if (symbol === endOfString) return undefined;
        text += String.fromCharCode(symbol);
        [code, length, first, index] = [0, 0, 0, 0];
      } else {
        first += count;
        index += count;
      }
    }
  }
  // What is left is the beginning of the end-of-string symbol: ones.
  return length < 8 && code === (1 << length) - 1 ? text : undefined;
}
