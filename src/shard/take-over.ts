import type { Shard } from './shard.ts';

/** Of what other shards hand over: some thousands of slices, less than a millisecond's work. */
const batchesPerTurn = 16;

/** Slices that other shards handed over come in to their traces; true when there may be more. */
export function takeOver({ neighbours, buffer, arrivals, emitter }: Shard, now: number): boolean {
  if (neighbours === undefined) return false;
  const { segments } = buffer;
  let batches = 0;
  while (batches < batchesPerTurn && neighbours.takeOver(buffer)) {
    batches++;
    const { segment, rows, count, conditions } = neighbours;
    // What the last batch gave back may be its lender's again, and this one lies where that one lay.
    emitter.forget();
    const { bytes } = segments.get(segment);
    // A trace may be decided while its batch is taken over: the segment must outlast that.
    segments.get(segment).pending++;
    arrivals.take({ bytes, segment, rows, count, conditions }, now);
    segments.done(segment);
  }
  return batches === batchesPerTurn;
}
