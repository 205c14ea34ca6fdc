/**
 * The hash of bytes[start, end), 32 bits, signed, four bytes at a time; `basis`: the hash of what stands before them.
 * How many they are is a part of it, so two runs of bytes do not run into each other. Whoever chooses the bytes can make
 * any two alike.
 */
export function hashBytes(bytes: DataView, start: number, end: number, basis: number): number {
  const count = end - start;
  let hash = basis ^ Math.imul(count, 0x85ebca6b);
  if (count < 4) return hashWord(hash, count === 0 ? 0 : shortWord(bytes, start, end));
  const last = end - 4;
  for (let at = start; at < last; at += 4) hash = hashWord(hash, bytes.getInt32(at, true));
  // The last four may be hashed twice in part: quicker than the odd ones by themselves.
  return hashWord(hash, bytes.getInt32(last, true));
}

/** One, two or three bytes: the first, the middle and the last. */
const shortWord = (bytes: DataView, start: number, end: number): number =>
  bytes.getUint8(start) | (bytes.getUint8((start + end) >>> 1) << 8) | (bytes.getUint8(end - 1) << 16);

/**
 * One more word. The shift brings high bits down before the next word: where they were rotated (FxHash), the last byte of
 * a word reached eight bits, of which the first byte of the next undid five, and ids counted up there were alike.
 */
const hashWord = (hash: number, word: number): number => Math.imul(hash ^ (hash >>> 13) ^ word, 0x9e3779b1);

/** Half the end of MurmurHash3: with the step above alone, high bits of the last word reach no low ones of the hash. */
export const spread = (hash: number): number => Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
