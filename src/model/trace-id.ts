/** The four words of a trace id of 32 hex digits. */
export function wordsOf(hex: string): Int32Array {
  return Int32Array.from([0, 8, 16, 24], (at) => Number.parseInt(hex.slice(at, at + 8), 16) | 0);
}
