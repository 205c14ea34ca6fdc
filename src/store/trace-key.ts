/** Traces whose numbers follow each other: those of one generation stand together in the index of ids. */
export const tracesPerGeneration = 8192;

export const generationOf = (number: number): number => Math.floor(number / tracesPerGeneration);

export const idBytes = 16;
export const keyBytes = idBytes + 4;

/** What a row of its own has for `trace_id`: u32 the generation, big-endian | the id. */
export function keyOf(number: number, traceId: Uint8Array): Uint8Array {
  const key = Buffer.alloc(keyBytes);
  key.writeUInt32BE(generationOf(number));
  key.set(traceId, keyBytes - idBytes);
  return key;
}

/** The id in a row's `trace_id`; those of format 1 are the id alone. */
export const idIn = (key: Uint8Array): Uint8Array => key.subarray(-idBytes);
