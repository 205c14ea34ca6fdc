import type { Trigger } from './outcome.ts';

/** How a policy voted. */
export interface PolicyVote {
  readonly policy: string;
  readonly vote: 'keep' | 'drop' | 'abstain';
  /** In words: from the spans of the trace, where some are left, and from what is remembered. */
  readonly why?: string;
}

/** Whether an exporter of the boot file gets a kept trace, late spans of it too, and why, in words. */
export interface ExporterShare {
  /** Its name; who knows the boot file puts it in. */
  readonly exporter?: string;
  readonly gets: boolean;
  readonly why: string;
}

/** Why a trace was kept or dropped: the answer of /api/explain/{traceId}. Times are Unix milliseconds. */
export interface Explanation {
  readonly traceId: string;
  readonly verdict: 'keep' | 'drop' | 'waiting';
  readonly policy: string;
  readonly votes: readonly PolicyVote[];
  readonly shadowVotes: readonly PolicyVote[];
  /** The `th` value written on kept spans, e.g. "0" or "fd70a"; empty where none applies. */
  readonly threshold: string;
  /** How many traces of its kind this one stands for; 0 for a dropped one. */
  readonly adjustedCount: number;
  readonly revision: string;
  readonly trigger: Trigger | '';
  readonly complete: boolean;
  readonly spans: number;
  readonly bytes: number;
  readonly firstSpanAt: number;
  readonly decidedAt: number;
  readonly lateSpans: number;
  /** Of a kept trace, in the order of the boot file. */
  readonly exporters?: readonly ExporterShare[];
  /** Which gateway of a fleet said so, where it is not the one that was asked. */
  readonly gateway?: string;
}
