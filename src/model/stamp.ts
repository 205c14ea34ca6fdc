/** What a verdict writes on the spans it keeps. One object is reused for all traces of a shard. */
export interface Stamp {
  /** The threshold of 56 bits: its upper 24 and its lower 32, unsigned. */
  thresholdHigh: number;
  thresholdLow: number;
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
  policy: '',
  revision: '',
  incomplete: false,
  late: false,
  rescued: false,
});
