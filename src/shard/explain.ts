import { Trace, type TraceBuffer } from '../buffer/trace-buffer.ts';
import { completeFlag, Decision, type Decisions, keepFlag, policyOf, triggerOf, wayOf } from '../decide/decisions.ts';
import { nameOfWay, ways } from '../model/brought-back.ts';
import { rootBit } from '../model/conditions.ts';
import type { Explanation, PolicyVote } from '../model/explanation.ts';
import { triggers } from '../model/outcome.ts';
import { adjustedCount, thresholdText } from '../model/threshold.ts';
import { wordsOf } from '../model/trace-id.ts';
import type { Ballot } from '../model/verdict.ts';
import { floatOf } from '../tables/float-bits.ts';
import { type Remembered, whyVotes } from '../why/why.ts';
import { explainExporters } from './explain-exporters.ts';
import { noPolicy, policyName, type Revisions } from './revision.ts';
import type { Witnesses } from './witnesses.ts';

interface ExplainParts {
  readonly buffer: TraceBuffer;
  readonly decisions: Decisions;
  readonly revisions: Revisions;
  readonly witnesses: Witnesses;
}

/**
 * Why the trace was kept or dropped, or that it waits; undefined where it is not known. `epochOffsetMs`: what to add to
 * a moment to show it. `parts`: what is left of its spans, as export requests.
 */
export function explain(
  { buffer, decisions, revisions, witnesses }: ExplainParts,
  traceId: string,
  epochOffsetMs: number,
  parts: readonly Uint8Array[],
): Explanation | undefined {
  if (!/^[0-9a-fA-F]{1,32}$/.test(traceId)) return undefined;
  const id = wordsOf(traceId.padStart(32, '0'));
  const waiting = buffer.find(id, 0);
  if (waiting >= 0) return explainWaiting(traceId, waiting, buffer, revisions, epochOffsetMs);
  const decided = decisions.find(id, 0);
  return decided < 0
    ? undefined
    : explainDecided(traceId, decided, { decisions, revisions, witnesses }, epochOffsetMs, parts);
}

function explainDecided(
  traceId: string,
  slot: number,
  { decisions, revisions, witnesses }: Omit<ExplainParts, 'buffer'>,
  epochOffsetMs: number,
  parts: readonly Uint8Array[],
): Explanation {
  const words = decisions.records.page(slot);
  const at = decisions.records.at(slot);
  const word = (name: keyof typeof Decision): number => words[at + Decision[name]];
  const flags = word('flags');
  const kept = (flags & keepFlag) !== 0;
  const way = ways[wayOf(flags) - 1];
  const revision = revisions.get(word('revision'));
  const policies = revision?.set.policies ?? [];
  const shadows = revision?.set.shadow.policies ?? [];
  const { firstSpanAt, decidedAt } = decisions.timesAt(slot);
  const high = word('thresholdHigh');
  const low = word('thresholdLow') >>> 0;
  const known = {
    spans: word('spans'),
    longestNs: floatOf(word('longestNs')),
    durationNs: floatOf(word('durationNs')),
  };
  const [test, seen] = [revision?.set.witnesses[policyOf(flags)], witnesses.of(word('witness'))];
  const witness = test && seen && { of: test.span, ...seen };
  const { destinations } = revisions.current.set;
  const going = {
    exporters: decisions.exportersAt(slot),
    // Whatever was decided had a span.
    isForgotten: known.spans === 0,
    parts,
    remembered: known,
  };
  return {
    traceId: traceId.toLowerCase().padStart(32, '0'),
    verdict: kept ? 'keep' : 'drop',
    policy:
      way !== undefined ? nameOfWay[way] : revision === undefined ? noPolicy : policyName(revision, policyOf(flags)),
    votes: withReasons(
      revision?.set,
      policies.map((policy, i) => ({ policy: policy.name, vote: decisions.voteAt(slot, i) })),
      parts,
      { ...known, witness },
    ),
    shadowVotes: withReasons(
      revision?.set.shadow,
      shadows.map((policy, i) => ({ policy: policy.name, vote: decisions.shadowVoteAt(slot, i) })),
      parts,
      known,
    ),
    threshold: kept ? thresholdText(high, low) : '',
    adjustedCount: kept ? adjustedCount(high, low) : 0,
    revision: revision?.name ?? '',
    trigger: triggers[triggerOf(flags)],
    complete: (flags & completeFlag) !== 0,
    spans: word('spans'),
    bytes: word('bytes') >>> 0,
    firstSpanAt: epochOffsetMs + firstSpanAt,
    decidedAt: epochOffsetMs + decidedAt,
    lateSpans: word('lateSpans'),
    ...(kept && destinations && { exporters: explainExporters(destinations, going) }),
  };
}

/** Each vote with its reason in words. */
function withReasons(
  ballot: Ballot | undefined,
  votes: readonly PolicyVote[],
  parts: readonly Uint8Array[],
  remembered: Remembered,
): readonly PolicyVote[] {
  if (ballot === undefined) return votes;
  const whys = whyVotes(
    votes.map(({ vote }, i) => ({ vote, when: ballot.said[i].when })),
    parts,
    remembered,
  );
  return votes.map((vote, i) => ({ ...vote, why: whys[i] }));
}

/** What is known of a trace that still waits. */
function explainWaiting(
  traceId: string,
  slot: number,
  buffer: TraceBuffer,
  revisions: Revisions,
  epochOffsetMs: number,
): Explanation {
  const words = buffer.traces.page(slot);
  const at = buffer.traces.at(slot);
  return {
    traceId: traceId.toLowerCase().padStart(32, '0'),
    verdict: 'waiting',
    policy: '',
    votes: [],
    shadowVotes: [],
    threshold: '',
    adjustedCount: 0,
    revision: revisions.current.name,
    trigger: '',
    complete: (words[at + Trace.bits] & rootBit) !== 0,
    spans: words[at + Trace.spans],
    bytes: words[at + Trace.bytes] >>> 0,
    firstSpanAt: epochOffsetMs + buffer.firstSpanAt(slot),
    decidedAt: 0,
    lateSpans: 0,
  };
}
