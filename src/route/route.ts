/**
 * Which of `shards` owns a trace: by the low 32 bits of its id, the part that every generator fills with random bits.
 * The same on every machine, so it may name a peer as well as a shard.
 */
export function ownerOf(lowWord: number, shards: number): number {
  return shards === 1 ? 0 : (Math.imul(lowWord ^ (lowWord >>> 16), 0x9e3779b1) >>> 0) % shards;
}
