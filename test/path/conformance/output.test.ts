import { describe, expect, it } from 'vitest';
import { attribute } from '../../support/otlp.ts';
import { Story } from '../../support/story.ts';

/** The conformance cases of a tail sampler that concern late spans and output; others stand where their subject does. */

it('case 34: a late span of a trace that was dropped by a drop policy is dropped and counted, nothing else', () => {
  const health = { name: 'health', type: 'string_attribute', string_attribute: { key: 'path', values: ['/health'] } };
  const drop = { name: 'no health', type: 'drop', drop: { drop_sub_policy: [health] } };
  const story = new Story({ rules: { error_status_codes: ['ERROR'], policies: [drop] } });
  story.send({ trace: 'a', id: 'r', status: 'ERROR', attributes: { path: '/health' } });
  story.after(10_000);
  for (let i = 0; i < 3; i++) story.send({ trace: 'a', parent: 'r', status: 'ERROR' });
  story.after(20_000);
  expect(story.left()).toEqual([]);
  expect([story.spans('late_dropped'), story.traces('late_dropped'), story.traces('dropped')]).toEqual([3, 1, 1]);
  expect(story.explain('a')).toMatchObject({ policy: 'no health', lateSpans: 3 });
});

describe('case 48: a weight that came along', () => {
  /** Randomness that every share keeps. */
  const trace = `${'ab'.repeat(9)}ffffffffffffff`;
  const left = (rules: object, traceState: string, id = trace) => {
    const story = new Story({ rules });
    story.send({ trace: id, traceState });
    return story
      .after(10_000)
      .left()
      .map((span) => span.traceState);
  };
  const always = { policies: [{ name: 'all', type: 'always_sample' }] };

  it('is replaced by a stricter one, and left by one that always keeps', () => {
    expect(left({ baseline_percent: 10 }, 'ot=th:8')).toEqual(['ot=th:e666']);
    expect(left(always, 'ot=th:8')).toEqual(['ot=th:8']);
  });

  it('leaves what others wrote in its order, and a malformed member as it is', () => {
    expect(left({ baseline_percent: 10 }, 'a=1,ot=th:8;x:y,b=2')).toEqual(['ot=th:e666;x:y,a=1,b=2']);
    expect(left(always, 'a=1,ot=th:XY')).toEqual(['a=1,ot=th:XY']);
  });

  it('has its randomness used where it brings one', () => {
    const zeros = `${'ab'.repeat(9)}00000000000000`;
    expect(left({ baseline_percent: 10 }, '', zeros)).toEqual([]);
    expect(left({ baseline_percent: 10 }, 'ot=rv:fffffffffffffe', zeros)).toEqual(['ot=th:e666;rv:fffffffffffffe']);
    expect(left({ baseline_percent: 10 }, 'ot=rv:00000000000000')).toEqual([]);
  });
});

it('case 49: what an error keeps weighs 1, whatever share would have kept it', () => {
  const story = new Story({ rules: { error_status_codes: ['ERROR'], baseline_percent: 100 } });
  story.send({ trace: 'a', status: 'ERROR' }, { trace: 'a' });
  const left = story.after(10_000).left();
  expect(left.map((span) => span.traceState)).toEqual(['ot=th:0', 'ot=th:0']);
  expect(attribute(left[0]!, 'tailgate.policy')).toBe('errors');
});
