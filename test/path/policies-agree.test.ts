import { describe, expect, it } from 'vitest';
import { policyListsOf, tracesOf } from '../support/policy-lists.ts';
import { requestBytes } from '../support/spans.ts';
import { Story } from '../support/story.ts';

const lists = policyListsOf(11, 10);
const traces = tracesOf(11, 60);
const spans = traces.flat();
/** One span of each trace, then the next one of each. */
const inTurn = [0, 1, 2, 3, 4].flatMap((n) => traces.flatMap((trace) => trace.slice(n, n + 1)));
const kept = (story: Story): string[] =>
  story
    .after(10_000)
    .left()
    .map(({ spanId }) => spanId)
    .sort();

/** What test/integration/tail-sampling.test.ts compares with a Collector is one way through us; these are the others. */
describe.each(lists.map((policies, index) => ({ index, policies })))(
  'random policies $index keep the same',
  ({ policies }) => {
    const whole = new Story({ rules: { policies } });
    whole.sendBytes(requestBytes(...spans));
    const expected = kept(whole);

    it('where the spans of a trace come one by one, between those of others', () => {
      const story = new Story({ rules: { policies } });
      for (let at = 0; at < inTurn.length; at += 7) story.send(...inTurn.slice(at, at + 7));
      expect(kept(story)).toEqual(expected);
    });

    it('where other rules were in force when they came', () => {
      const story = new Story({ rules: { error_status_codes: ['OK'], policies: lists[0]! } });
      story.sendBytes(requestBytes(...spans));
      expect(kept(story.swap({ policies }))).toEqual(expected);
    });

    it('where they came in force between two spans of a trace', () => {
      const story = new Story({ rules: { baseline_percent: 50 } });
      const half = inTurn.length >> 1;
      story.send(...inTurn.slice(0, half));
      story.swap({ policies });
      story.send(...inTurn.slice(half));
      expect(kept(story)).toEqual(expected);
    });
  },
);

it('the lists above keep some traces and not others', () => {
  const counts = lists.map((policies) => {
    const story = new Story({ rules: { policies } });
    story.sendBytes(requestBytes(...spans));
    return kept(story).length;
  });
  expect(counts.filter((count) => count > 0 && count < spans.length).length).toBeGreaterThan(3);
});
