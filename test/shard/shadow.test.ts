import { expect, it } from 'vitest';
import type { PolicyDocument } from '../../src/model/rules.ts';
import { compiled, Story } from '../support/story.ts';

const failed: PolicyDocument = { name: 'failed', type: 'status_code', status_code: { status_codes: ['ERROR'] } };
const fine: PolicyDocument = { name: 'fine', type: 'status_code', status_code: { status_codes: ['OK'] } };
const all: PolicyDocument = { name: 'all', type: 'always_sample' };

const counts = (story: Story): Record<string, number> => {
  const sums: Record<string, number> = {};
  for (const { shard } of story.shards) {
    for (const { policy, vote, traces } of shard.judge.shadowCounts.entries())
      sums[`${policy} ${vote}`] = (sums[`${policy} ${vote}`] ?? 0) + traces;
  }
  return sums;
};

it.each([1, 2, 4])('with %i shards, shadow policies vote and are told, and decide nothing', (shards) => {
  const story = new Story({ shards, rules: { policies: [failed], shadow: [fine, all] } });
  story.send({ trace: 'a', status: 'ERROR' }, { trace: 'b', status: 'OK' }, { trace: 'c' });
  story.after(10_000);
  expect(['a', 'b', 'c'].map((trace) => story.explain(trace)?.verdict)).toEqual(['keep', 'drop', 'drop']);
  expect(story.explain('b')).toMatchObject({
    policy: 'none',
    votes: [{ policy: 'failed', vote: 'abstain' }],
    shadowVotes: [
      { policy: 'fine', vote: 'keep' },
      { policy: 'all', vote: 'keep' },
    ],
  });
  expect(story.leftOf('a')[0].traceState).toBe('ot=th:0');
  expect(counts(story)).toEqual({
    'fine keep': 1,
    'fine drop': 0,
    'fine abstain': 2,
    'all keep': 3,
    'all drop': 0,
    'all abstain': 0,
  });
});

it('a shadow policy may have the name of one that counts, so that a change of it can be watched', () => {
  const wider = { ...failed, status_code: { status_codes: ['ERROR', 'OK'] } };
  const story = new Story({ rules: { policies: [failed], shadow: [wider] } });
  story.send({ trace: 'b', status: 'OK' });
  story.after(10_000);
  expect(story.explain('b')).toMatchObject({
    verdict: 'drop',
    votes: [{ policy: 'failed', vote: 'abstain' }],
    shadowVotes: [{ policy: 'failed', vote: 'keep' }],
  });
});

it('what they said is not taken for what later rules say, which have none', () => {
  const story = new Story({ rules: { policies: [failed], shadow: [all] } });
  story.send({ trace: 'a' });
  story.after(10_000);
  story.swap({ policies: [failed] });
  story.send({ trace: 'b' });
  story.after(10_000);
  story.swap({ policies: [failed], shadow: [fine] });
  story.send({ trace: 'c', status: 'OK' });
  story.after(10_000);
  expect(story.explain('a')?.shadowVotes).toEqual([{ policy: 'all', vote: 'keep', why: 'every trace' }]);
  expect(story.explain('b')?.shadowVotes).toEqual([]);
  expect(story.explain('c')?.shadowVotes).toMatchObject([{ policy: 'fine', vote: 'keep' }]);
  expect(counts(story)).toMatchObject({ 'all keep': 1, 'fine keep': 1 });
});

it('129 of them are refused, and what is wrong with one is told where it stands', () => {
  const many = Array.from({ length: 129 }, (_, i) => ({ ...all, name: `p${i}` }));
  expect(() => compiled({ shadow: many })).toThrow('129 policies: expected at most 128');
  expect(() => compiled({ shadow: [{ name: 'x', type: 'nothing' }] })).toThrow('["shadow",0,"type"]');
});
