import { describe, expect, it } from 'vitest';
import { explanationText } from '../../../src/cli/obsctl/explain.ts';
import type { Explanation } from '../../../src/model/explanation.ts';

const kept: Explanation = {
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  verdict: 'keep',
  policy: 'errors',
  votes: [
    { policy: 'errors', vote: 'keep' },
    { policy: 'slow', vote: 'abstain' },
    { policy: 'baseline', vote: 'keep' },
  ],
  shadowVotes: [{ policy: 'canary', vote: 'drop' }],
  threshold: '0',
  adjustedCount: 1,
  revision: 'file-3f2a',
  trigger: 'wait',
  complete: true,
  spans: 23,
  bytes: 10_400,
  firstSpanAt: Date.parse('2026-11-25T17:02:11.123Z'),
  decidedAt: Date.parse('2026-11-25T17:02:26.130Z'),
  lateSpans: 2,
};
const text = (it: Partial<Explanation>): string => explanationText({ ...kept, ...it }, false, 'UTC');

describe('an explanation', () => {
  it('tells verdict, cause, times and the vote of each policy', () => {
    expect(text({})).toBe(`\
trace       4bf92f3577b34da6a3ce929d0e0e4736
verdict     kept by errors
weight      1 (ot=th:0)
trigger     wait: the decision wait was over
complete    yes, with its root
revision    file-3f2a
spans       23 in 10400 bytes, 2 late
first span  2026-11-25 17:02:11.123 +00:00
decided     2026-11-25 17:02:26.130 +00:00

POLICY    VOTE
errors    keep     ← decided
slow      abstain
baseline  keep
canary    drop     shadow: counts for nothing
`);
  });

  it('names the exporters that got it, and those that did not, with the reason', () => {
    const exporters = [
      { exporter: 'tempo', gets: true, why: 'it gets every kept trace' },
      { exporter: 'team', gets: false, why: 'when.policies: no span has team = "checkout"' },
    ];
    expect(text({ exporters })).toContain(
      'sent to     tempo: it gets every kept trace\nnot to      team: when.policies: no span has team = "checkout"\n',
    );
  });

  it('tells a trace that nothing kept', () => {
    const dropped = text({
      verdict: 'drop',
      policy: '',
      threshold: '',
      adjustedCount: 0,
      complete: false,
      trigger: 'full',
    });
    expect(dropped).toContain('verdict     dropped: no policy kept it\ntrigger     full: the buffer was full\n');
    expect(dropped).toContain('complete    no: decided without a root\n');
    expect(dropped).not.toContain('weight');
  });

  it('tells a trace that still waits', () => {
    const waiting = text({ verdict: 'waiting', policy: '', votes: [], shadowVotes: [], trigger: '', decidedAt: 0 });
    expect(waiting).toBe(`\
trace       4bf92f3577b34da6a3ce929d0e0e4736
verdict     waiting: not decided yet
spans       23 in 10400 bytes so far
complete    its root has come
first span  2026-11-25 17:02:11.123 +00:00
`);
  });
});
