const floats = new Float32Array(1);
const bits = new Int32Array(floats.buffer);

/** A number in a word, as a 32-bit float: seven digits of it. Of two that are 0 or more the greater has the greater bits. */
export function floatBits(number: number): number {
  floats[0] = number;
  return bits[0];
}

export function floatOf(word: number): number {
  bits[0] = word;
  return floats[0];
}
