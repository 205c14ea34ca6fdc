/**
 * A header block of ours: every field written out, no table and no Huffman code, so that a block is the same on every
 * connection and can be made once (RFC 7541, 6.2.2). Values are printable ASCII.
 */
export function encodeHeaders(headers: Readonly<Record<string, string>>): Uint8Array {
  const parts = Object.entries(headers).flatMap(([name, value]) => [[0], ...text(name), ...text(value)]);
  return Uint8Array.from(parts.flat());
}

const text = (value: string): number[][] => [integer(value.length), [...Buffer.from(value, 'latin1')]];

/** A string's length behind the bit that says it is plain (RFC 7541, 5.1 and 5.2). */
function integer(value: number): number[] {
  if (value < 127) return [value];
  const bytes = [127];
  for (value -= 127; value >= 128; value >>>= 7) bytes.push((value & 0x7f) | 0x80);
  return [...bytes, value];
}
