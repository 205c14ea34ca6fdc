/** The hash of nothing. */
export const fnvBasis = 0x811c9dc5 | 0;

/**
 * FNV-1a of bytes[start, end), 32 bits, signed; `basis`: the hash of what stands before them. Whoever chooses the bytes
 * can make any two alike. Source: draft-eastlake-fnv.
 */
export function fnv1a(bytes: Uint8Array, start: number, end: number, basis = fnvBasis): number {
  let hash = basis;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  return hash;
}

/** The same of a text's UTF-16 units. */
export function fnv1aOfText(text: string): number {
  let hash = fnvBasis;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}
