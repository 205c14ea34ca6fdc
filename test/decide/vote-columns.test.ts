import { expect, it } from 'vitest';
import { undecided } from '../../src/decide/decide.ts';
import { Decisions, unremembered } from '../../src/decide/decisions.ts';
import { addVote } from '../../src/decide/vote-table.ts';
import { IdHash } from '../../src/tables/id-hash.ts';

function story(limit: number) {
  const decisions = new Decisions(limit, new IdHash(1));
  const remember = (id: number, keep: number[], drop: number[] = [], facts = unremembered()): number => {
    const verdict = undecided();
    for (const index of keep) addVote(verdict.keepVotes, 0, index);
    for (const index of drop) addVote(verdict.dropVotes, 0, index);
    decisions.remember(Int32Array.of(id, 2, 3, 4), 0, verdict, facts);
    return decisions.find(Int32Array.of(id, 2, 3, 4), 0);
  };
  const votes = (slot: number): string[] =>
    Array.from({ length: 128 }, (_, i) => i).flatMap((i) => {
      const vote = decisions.voteAt(slot, i);
      return vote === 'abstain' ? [] : [`${i} ${vote}`];
    });
  return { decisions, remember, votes };
}

it('remembers how each of 128 policies voted', () => {
  const { remember, votes } = story(100);
  expect(votes(remember(1, [0, 31]))).toEqual(['0 keep', '31 keep']);
  expect(votes(remember(2, [31, 32, 127], [33, 64]))).toEqual(['31 keep', '32 keep', '33 drop', '64 drop', '127 keep']);
  expect(votes(remember(3, [], [96]))).toEqual(['96 drop']);
});

it('does not confuse a decision with the one that had its place before', () => {
  const { remember, votes } = story(2);
  remember(1, [40, 80], [100]);
  remember(2, [41]);
  expect(votes(remember(3, [5]))).toEqual(['5 keep']);
  expect(votes(remember(4, [], [42]))).toEqual(['42 drop']);
});

it('knows when a trace began, also where the clock was set back before it was decided', () => {
  const { decisions, remember } = story(2);
  const times = { firstSpanAt: 1_790_000_000_123, decidedAt: 1_790_000_000_123 - 3_600_000 };
  expect(decisions.timesAt(remember(1, [0], [], { ...unremembered(), ...times }))).toEqual(times);
});
