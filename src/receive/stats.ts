import { type RefusalReason, refusals } from '../errors.ts';

type RefusalCounts = { requests: number; bytes: number };

/** What the receivers turned away, by reason. Requests that were taken are counted by the pipeline. */
export class ReceiveStats {
  readonly refused: Record<RefusalReason, RefusalCounts>;

  constructor() {
    const reasons = Object.keys(refusals) as RefusalReason[];
    this.refused = Object.fromEntries(
      reasons.map((reason) => [reason, { requests: 0, bytes: 0 }]),
    ) as typeof this.refused;
  }

  /** `bytes`: the message's length where it was known, else what had come of it. */
  refuse(reason: RefusalReason, bytes: number): void {
    const counts = this.refused[reason];
    counts.requests++;
    counts.bytes += bytes;
  }
}
