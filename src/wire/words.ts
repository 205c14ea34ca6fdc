/** Memory as words of four bytes, once made: a view for each look at it would cost more than the look. */
const wordsOf = new WeakMap<ArrayBufferLike, Int32Array>();

/**
 * The byte at `pos` of an array lies in word (byteOffset + pos) >> 2; up to three bytes at the memory's end in none.
 * Memory less than 2 GiB, whose length never changes.
 */
export function wordsIn(memory: ArrayBufferLike): Int32Array {
  let words = wordsOf.get(memory);
  if (words === undefined) wordsOf.set(memory, (words = new Int32Array(memory, 0, memory.byteLength >> 2)));
  return words;
}
