import { describe, expect, it } from 'vitest';
import { voteTable } from '../../src/decide/vote-table.ts';
import type { PolicyDocument } from '../../src/model/rules.ts';
import { type Policy, Vote } from '../../src/model/verdict.ts';
import { attribute } from '../support/otlp.ts';
import { compiled, Story } from '../support/story.ts';

const failed = { type: 'status_code', status_code: { status_codes: ['ERROR'] } };
const share = (sampling_percentage: number) => ({ type: 'probabilistic', probabilistic: { sampling_percentage } });
const never = share(0);

/** As many policies that never keep, but for the ones told by their number. */
const list = (count: number, told: Record<number, Omit<PolicyDocument, 'name'>>): PolicyDocument[] =>
  Array.from({ length: count }, (_, i) => ({ ...(told[i] ?? never), name: `policy-${i}` }) as PolicyDocument);

/** The votes of a trace but for abstentions. */
const votes = (story: Story, trace: string): string[] =>
  story.explain(trace)!.votes.flatMap(({ policy, vote }) => (vote === 'abstain' ? [] : [`${policy} ${vote}`]));

/** Of the highest sixteenth of all ids, by their last 7 bytes. */
const lucky = `${'cd'.repeat(9)}f0000000000000`;

describe('of many policies', () => {
  it.each([0, 31, 32, 63, 64, 95, 96, 127])('number %d alone keeps a trace, and its late span', (n) => {
    const story = new Story({ rules: { policies: list(128, { [n]: failed }) } });
    story.send({ trace: 'a', id: 'r', status: 'ERROR' }, { trace: 'b', id: 'r' });
    story.after(10_000);
    expect(story.explain('a')).toMatchObject({ verdict: 'keep', policy: `policy-${n}`, threshold: '0' });
    expect(votes(story, 'a')).toEqual([`policy-${n} keep`]);
    expect(story.explain('b')).toMatchObject({ verdict: 'drop', policy: 'none' });
    expect(votes(story, 'b')).toEqual([]);

    story.send({ trace: 'a', parent: 'r' }, { trace: 'b', parent: 'r', status: 'ERROR' });
    story.after(0);
    const [, late] = story.leftOf('a');
    expect([attribute(late, 'tailgate.policy'), attribute(late, 'tailgate.late')]).toEqual([`policy-${n}`, true]);
    expect([story.spans('late_kept'), story.spans('late_dropped')]).toEqual([1, 1]);
  });

  it('the one with the greatest chance wins, then the first, and every vote is told', () => {
    const told = { 3: share(5), 33: share(10), 40: share(10), 64: share(8), 70: share(0.1), 96: failed, 99: failed };
    const story = new Story({ rules: { policies: list(100, told) } });
    story.send({ trace: lucky, id: 'r' }, { trace: 'a', status: 'ERROR' });
    story.after(10_000);
    expect(story.explain(lucky)).toMatchObject({ verdict: 'keep', policy: 'policy-33', threshold: 'e666' });
    expect(votes(story, lucky)).toEqual(['policy-33 keep', 'policy-40 keep', 'policy-64 keep']);
    expect(story.explain('a')).toMatchObject({ verdict: 'keep', policy: 'policy-96', threshold: '0' });
    expect(votes(story, 'a')).toEqual(expect.arrayContaining(['policy-96 keep', 'policy-99 keep']));

    story.send({ trace: lucky, parent: 'r' });
    story.after(0);
    const late = story.leftOf(lucky)[1];
    expect([late.traceState, attribute(late, 'tailgate.policy')]).toEqual(['ot=th:e666', 'policy-33']);
  });

  it('the first that drops wins over all that keep, and over late spans', () => {
    const set = compiled({ policies: list(100, { 33: failed, 64: failed, 98: failed }) });
    const dropsLong = (name: string): Policy => ({
      name,
      thresholdHigh: 0,
      thresholdLow: 0,
      vote: ({ spans }) => (spans > 1 ? Vote.drop : Vote.abstain),
    });
    const policies = set.policies.map((policy, i) => ([31, 63, 95].includes(i) ? dropsLong(policy.name) : policy));
    const story = new Story();
    for (const pipeline of story.shards) pipeline.swap({ ...set, policies, votes: voteTable(policies) }, 'r2');
    story.send({ trace: 'short', status: 'ERROR' }, { trace: 'long', id: 'r', status: 'ERROR' }, { trace: 'long' });
    story.after(10_000);
    expect(votes(story, 'short')).toEqual(['policy-33 keep', 'policy-64 keep', 'policy-98 keep']);
    expect(story.explain('long')).toMatchObject({ verdict: 'drop', policy: 'policy-31', adjustedCount: 0 });
    expect(votes(story, 'long')).toEqual([
      'policy-31 drop',
      'policy-33 keep',
      'policy-63 drop',
      'policy-64 keep',
      'policy-95 drop',
      'policy-98 keep',
    ]);
    story.send({ trace: 'long', parent: 'r' });
    story.after(0);
    expect([story.leftOf('short').length, story.leftOf('long').length]).toEqual([1, 0]);
    expect([story.spans('dropped'), story.spans('late_dropped')]).toEqual([2, 1]);
  });
});
