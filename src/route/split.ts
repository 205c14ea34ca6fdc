import type { Found } from '../model/slice.ts';
import { Envelopes } from '../wire/envelopes.ts';
import { Writer } from '../wire/writer.ts';
import { PartMemory } from './part-memory.ts';
import { PartPlan, type ScannedSlices } from './part-plan.ts';

interface Scanned extends ScannedSlices {
  /** What a Resource message becomes on its way; as it came where there is none. */
  readonly added?: ((resource: Uint8Array) => Uint8Array) | undefined;
  /** Which conditions the rows' bits are of, where the part of group 0 is to be `found`. */
  readonly conditions?: number | undefined;
}

/** A part of a request: an ExportTraceServiceRequest of its own. */
export interface Part {
  /** Its owner's to keep. */
  readonly body: Uint8Array;
  readonly spans: number;
  /** Of a part that stays here and was scanned by the conditions of here. */
  readonly found?: Found;
}

/** Of an ordinary request, at most. */
const keptSlices = 16_384;
const wordBytes = Int32Array.BYTES_PER_ELEMENT;

/**
 * Cuts a request into one for each group, in the order of its slices: `groups[i]` is the group of slice i, from 0 to
 * `groupCount`. Slices are copied as they are, and an envelope once for each group that has slices in it.
 */
export class Splitter {
  readonly #order = new Int32Array(keptSlices);
  readonly #groups = new Int32Array(keptSlices);
  readonly #memory = new PartMemory();

  /**
   * The parts, by group; undefined where they would have more than `maxBytes` together: of large envelopes around few
   * spans each, every group gets its copy.
   */
  split(scanned: Scanned, groups: Int32Array, groupCount: number, maxBytes: number): Part[] | undefined {
    const { bytes, added, stride, conditions } = scanned;
    const { order, starts } = this.#sort(scanned.count, groups, groupCount);
    const envelopes = new Envelopes(bytes, added);
    const plans = Array.from(
      { length: groupCount },
      (_, group) => new PartPlan(scanned, order.subarray(starts[group], starts[group + 1]), envelopes),
    );
    const rowWords = conditions === undefined ? 0 : starts[1] * stride;
    if (plans.reduce((sum, plan) => sum + plan.bytes, rowWords * wordBytes) > maxBytes) return undefined;
    return plans.map((plan, group) => {
      const out = new Writer(this.#memory.take(plan.bytes));
      if (group > 0 || conditions === undefined) {
        plan.write(out);
        return { body: out.view(), spans: plan.spans };
      }
      const rows = new Int32Array(this.#memory.take(rowWords * wordBytes).buffer, 0, rowWords);
      plan.write(out, rows);
      const found = { rows, stride, count: plan.spans, conditions, invalid: 0, reason: '' };
      return { body: out.view(), spans: plan.spans, found };
    });
  }

  /** For the groups of so many slices, each to be set before `split`; good until the next call. */
  groupsFor(count: number): Int32Array {
    return count <= keptSlices ? this.#groups : new Int32Array(count);
  }

  /** For a message that is to be cut: at least so long. It becomes a part's body, or is given back. */
  memoryFor(length: number): Uint8Array {
    return this.#memory.take(length);
  }

  /** Memory that nobody looks at any more: of a message that was cut, or of a part that was delivered, its rows as well. */
  giveBack(memory: Uint8Array | Int32Array): void {
    this.#memory.giveBack(memory);
  }

  /** Slices group by group, each in their order; and where each group begins, and where the last one ends. */
  #sort(count: number, groups: Int32Array, groupCount: number): { order: Int32Array; starts: Int32Array } {
    const order = count <= keptSlices ? this.#order : new Int32Array(count);
    const starts = new Int32Array(groupCount + 1);
    for (let i = 0; i < count; i++) starts[groups[i] + 1]++;
    for (let group = 0; group < groupCount; group++) starts[group + 1] += starts[group];
    const next = starts.slice();
    for (let i = 0; i < count; i++) order[next[groups[i]]++] = i;
    return { order, starts };
  }
}
