import { Trace, type TraceBuffer } from '../buffer/trace-buffer.ts';
import { completeFlag, Decision, type Decisions, keepFlag, policyOf, triggerOf, wayOf } from '../decide/decisions.ts';
import { nameOfWay, ways } from '../model/brought-back.ts';
import { rootBit } from '../model/conditions.ts';
import type { Explanation, PolicyVote } from '../model/explanation.ts';
import { triggers } from '../model/outcome.ts';
import { adjustedCount, thresholdText } from '../model/threshold.ts';
import { wordsOf } from '../model/trace-id.ts';
import type { Ballot } from '../model/verdict.ts';
import { whyVotes } from '../why/why.ts';
import { noPolicy, policyName, type Revisions } from './revision.ts';

/**
 * Why the trace was kept or dropped, or that it waits; undefined where it is not known. `epochOffsetMs`: what to add to
 * a moment to show it. `parts`: what is left of its spans, as export requests.
 */
export function explain(
  { buffer, decisions, revisions }: { buffer: TraceBuffer; decisions: Decisions; revisions: Revisions },
  traceId: string,
  epochOffsetMs: number,
  parts: readonly Uint8Array[],
): Explanation | undefined {
  if (!/^[0-9a-fA-F]{1,32}$/.test(traceId)) return undefined;
  const id = wordsOf(traceId.padStart(32, '0'));
  const waiting = buffer.find(id, 0);
  if (waiting >= 0) return explainWaiting(traceId, waiting, buffer, revisions, epochOffsetMs);
  const decided = decisions.find(id, 0);
  return decided < 0 ? undefined : explainDecided(traceId, decided, decisions, revisions, epochOffsetMs, parts);
}

function explainDecided(
  traceId: string,
  slot: number,
  decisions: Decisions,
  revisions: Revisions,
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
  return {
    traceId: traceId.toLowerCase().padStart(32, '0'),
    verdict: kept ? 'keep' : 'drop',
    policy:
      way !== undefined ? nameOfWay[way] : revision === undefined ? noPolicy : policyName(revision, policyOf(flags)),
    votes: withReasons(
      revision?.set,
      policies.map((policy, i) => ({ policy: policy.name, vote: decisions.voteAt(slot, i) })),
      parts,
    ),
    shadowVotes: withReasons(
      revision?.set.shadow,
      shadows.map((policy, i) => ({ policy: policy.name, vote: decisions.shadowVoteAt(slot, i) })),
      parts,
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
  };
}

/** Where spans of the trace are left, each vote with its reason in words. */
function withReasons(
  ballot: Ballot | undefined,
  votes: readonly PolicyVote[],
  parts: readonly Uint8Array[],
): readonly PolicyVote[] {
  if (ballot === undefined || parts.length === 0) return votes;
  const whys = whyVotes(
    votes.map(({ vote }, i) => ({ vote, when: ballot.said[i].when })),
    parts,
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
