/**
 * The partition of a key, as the Collector's kafka exporter chooses it by default (`record_partitioner: sticky_key`,
 * hasher `sarama_compat`): FNV-1a of 32 bits, taken as a signed number, its remainder made positive. So spans of one
 * trace meet in one partition, whoever wrote them. Source: franz-go, pkg/kgo, SaramaCompatHasher.
 */
export function partitionOf(hash: number, partitions: number): number {
  return Math.abs(hash % partitions);
}

/** FNV-1a of bytes[start, end), signed. Source: the FNV draft (draft-eastlake-fnv), 32 bits. */
export function fnv1a(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  return hash;
}
