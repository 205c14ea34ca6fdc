/**
 * The partition of a key, as the Collector's kafka exporter chooses it by default (`record_partitioner: sticky_key`,
 * hasher `sarama_compat`): FNV-1a of 32 bits, taken as a signed number, its remainder made positive. So spans of one
 * trace meet in one partition, whoever wrote them. Source: franz-go, pkg/kgo, SaramaCompatHasher.
 */
export function partitionOf(hash: number, partitions: number): number {
  return Math.abs(hash % partitions);
}
