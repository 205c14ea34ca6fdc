/** Numbers of the same names, added. */
export function addRecords<K extends string>(records: readonly Record<K, number>[]): Record<K, number> {
  const sum = {} as Record<K, number>;
  for (const record of records) {
    for (const key of Object.keys(record) as K[]) sum[key] = (sum[key] ?? 0) + record[key];
  }
  return sum;
}

/** By key, numbers of the same names, added; some may lack a key: shards hear of members and credentials one by one. */
export function addTables<K extends string, T extends Record<string, number>>(
  tables: readonly Readonly<Record<K, T>>[],
): Record<K, T> {
  const keys = new Set(tables.flatMap((table) => Object.keys(table) as K[]));
  const sumOf = (key: K) => addRecords(tables.map((table): Record<string, number> => table[key] ?? {}));
  return Object.fromEntries([...keys].map((key) => [key, sumOf(key)])) as Record<K, T>;
}
