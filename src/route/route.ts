/**
 * Which of `shards` (at most 32,767) owns a trace: by the low 32 bits of its id, the part that every generator fills
 * with random bits. The same on every machine, so it may name a peer as well as a shard.
 */
export function ownerOf(lowWord: number, shards: number): number {
  const hash = Math.imul(lowWord ^ (lowWord >>> 16), 0x9e3779b1) >>> 16;
  // A share of 2^16 instead of a remainder of 2^32, which would be a division of doubles for each span.
  return (hash * shards) >>> 16;
}
