import type { Destinations } from '../model/destinations.ts';
import type { ExporterShare } from '../model/explanation.ts';
import { type Remembered, whyVotes } from '../why/why.ts';

interface Going {
  /** A set, as of the decision. */
  readonly exporters: number;
  /** What was decided was forgotten, and the trace came back: nobody could be asked what it was like. */
  readonly isForgotten: boolean;
  readonly parts: readonly Uint8Array[];
  readonly remembered: Remembered;
}

/** Which exporters get a kept trace, and why, by their place; `destinations` are the boot file's, the same in all revisions. */
export function explainExporters(
  { said }: Destinations,
  { exporters, isForgotten, parts, remembered }: Going,
): ExporterShare[] {
  const gets = (at: number): boolean => (exporters & (1 << at)) !== 0;
  const asking = said.flatMap((when, at) => (typeof when === 'string' ? [] : [{ when, at }]));
  const words = isForgotten
    ? []
    : whyVotes(
        asking.map(({ when, at }) => ({ when, vote: gets(at) ? 'keep' : 'abstain' })),
        parts,
        remembered,
      );
  return said.map((when, at) => {
    if (when === 'all') return { gets: gets(at), why: everyTrace };
    if (when === 'other tenants') return { gets: gets(at), why: 'when.tenants names other tenants' };
    const why = isForgotten ? forgotten : `when.policies: ${words[asking.findIndex((each) => each.at === at)]}`;
    return { gets: gets(at), why };
  });
}

export const everyTrace = 'it gets every kept trace';
const forgotten = 'when.policies could not be asked: the decision was forgotten when the trace was brought back';
