import { everyExporter } from './destinations.ts';
import type { Inclusion } from './inclusion.ts';

/** What a verdict writes on the spans it keeps. One object is reused for all traces of a shard. */
export interface Stamp extends Inclusion {
  /** The trace id's last 7 bytes, 56 bits in two numbers. */
  idHigh: number;
  idLow: number;
  /** The randomness to be written beside the threshold, which the trace id would contradict; -1 = none. */
  randomnessHigh: number;
  randomnessLow: number;
  /** The trace's own explicit randomness contradicts the threshold: none is written, and what there is goes. */
  erasesThreshold: boolean;
  /** Where the span goes, as a set of exporters. */
  exporters: number;
  policy: string;
  revision: string;
  /** Decided without a root. */
  incomplete: boolean;
  /** This span came after the decision. */
  late: boolean;
  /** It was dropped first, and brought back. */
  rescued: boolean;
}

export const emptyStamp = (): Stamp => ({
  thresholdHigh: 0,
  thresholdLow: 0,
  luckFrom: 0,
  luckTo: 0,
  idHigh: 0xffffff,
  idLow: 0xffffffff,
  randomnessHigh: -1,
  randomnessLow: 0,
  erasesThreshold: false,
  exporters: everyExporter,
  policy: '',
  revision: '',
  incomplete: false,
  late: false,
  rescued: false,
});
