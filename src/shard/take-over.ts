import type { Shard } from './shard.ts';

/** Of what other shards hand over: some thousands of slices, less than a millisecond's work. */
const batchesPerTurn = 16;
/** Of a slice, with its trace. */
const rowBytes = 100;

/** Slices that other shards handed over come in to their traces; true when there may be more. */
export function takeOver({ neighbours, buffer, arrivals, earlyDecisions, emitter }: Shard, now: number): boolean {
  if (neighbours === undefined) return false;
  const { segments } = buffer;
  // Where nothing is here that could be decided, it comes in all the same: nobody may wait for himself.
  const hasRoom = (slices: number): boolean =>
    earlyDecisions.makeRoom(() => buffer.fitsSlices(slices), slices * rowBytes, now) || buffer.traces.size === 0;
  let batches = 0;
  while (batches < batchesPerTurn && neighbours.takeOver(buffer, hasRoom)) {
    batches++;
    const { segment, rows, stride, count, conditions } = neighbours;
    // What the last batch gave back may be its lender's again, and this one lies where that one lay.
    emitter.forget();
    const { bytes } = segments.get(segment);
    // A trace may be decided while its batch is taken over: the segment must outlast that.
    segments.get(segment).pending++;
    arrivals.take({ bytes, segment, rows, stride, count, conditions }, now);
    segments.done(segment);
  }
  return batches === batchesPerTurn;
}
