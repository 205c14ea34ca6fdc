import { ConditionsBuilder } from '../../src/decide/conditions.ts';
import { RequestScan } from '../../src/decode/scan.ts';
import type { SpanPredicate } from '../../src/model/predicates.ts';
import { Slice, sliceWords } from '../../src/model/slice.ts';

/** What the scan says of the one span of each request: which of the predicates hold, by their number. */
export function scanned(predicates: readonly SpanPredicate[]): (request: Uint8Array) => readonly boolean[] {
  const builder = new ConditionsBuilder();
  const bits = predicates.map((predicate) => builder.bitsOf(predicate));
  if (builder.isFull) throw new Error('more than there are bits');
  const conditions = builder.build();
  const scan = new RequestScan();
  return (request) => {
    const buf = new Uint8Array(request.length + 64);
    buf.set(request, 32);
    scan.run(buf, 32, 32 + request.length, conditions);
    if (scan.count !== 1) throw new Error(`${scan.count} spans, not one`);
    const word = (index: number) => scan.slices[index === 0 ? Slice.bits : sliceWords + index - 1]!;
    return bits.map((some) => some.some((bit) => (word(bit >>> 5) & (1 << (bit & 31))) !== 0));
  };
}
