/** 32 hex digits of a trace id in four words. */
export const hexOf = (id: Int32Array): string =>
  Array.from(id, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('');

/** The four words of a trace id of 32 hex digits. */
export function wordsOf(hex: string): Int32Array {
  return Int32Array.from([0, 8, 16, 24], (at) => Number.parseInt(hex.slice(at, at + 8), 16) | 0);
}
