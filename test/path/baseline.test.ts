import { describe, expect, it } from 'vitest';
import { attribute } from '../support/otlp.ts';
import { Story } from '../support/story.ts';

/** A trace id whose last 7 bytes are the given 56 bits. */
const withRandomness = (hex14: string): string => `${'ab'.repeat(9)}${hex14}`;
/** 10 % keeps from threshold e666… on. */
const kept = withRandomness('f0000000000000');
const dropped = withRandomness('00000000000001');

describe('the baseline', () => {
  it('keeps by the last 7 bytes of the trace id: the same on every gateway', () => {
    for (const environment of ['home', 'home']) {
      const story = new Story({ environment });
      story.send({ trace: kept }, { trace: dropped });
      story.after(10_000);
      expect(story.left().map((span) => span.traceId)).toEqual([kept]);
    }
  });

  it('keeps exactly from its threshold on', () => {
    const story = new Story();
    story.send({ trace: withRandomness('e6660000000000') }, { trace: withRandomness('e665ffffffffff') });
    story.after(10_000);
    expect(story.left().map((span) => span.traceId)).toEqual([withRandomness('e6660000000000')]);
  });

  it.each([
    ['home', 'e666', 10],
    ['staging', 'f3333', 20],
    ['production', 'fd70a', 100],
  ])('writes the weight of %s: th:%s', (environment, th, weight) => {
    const story = new Story({ environment });
    story.send({ trace: withRandomness('ffffffffffffff') });
    story.after(10_000);
    expect(story.left()[0].traceState).toBe(`ot=th:${th}`);
    expect(story.explain(withRandomness('ffffffffffffff'))?.adjustedCount).toBeCloseTo(weight, 2);
  });

  it('takes rv for the randomness where a span carries it', () => {
    const story = new Story();
    story.send(
      { trace: dropped, traceState: 'ot=rv:f0000000000000' },
      { trace: kept, traceState: 'x=1,ot=rv:00000000000000' },
    );
    story.after(10_000);
    expect(story.left().map((span) => [span.traceId, span.traceState])).toEqual([
      [dropped, expect.stringContaining('th:e666')],
    ]);
  });

  it('contains every smaller share', () => {
    const ids = Array.from({ length: 500 }, (_, i) => `baseline-${i}`);
    const keptAt = (percent: number): string[] => {
      const story = new Story({ rules: { baseline_percent: percent } });
      story.send(...ids.map((trace) => ({ trace })));
      story.after(10_000);
      return story.left().map((span) => span.traceId);
    };
    const [five, ten] = [keptAt(5), keptAt(10)];
    expect(five.length).toBeGreaterThan(5);
    expect(ten.length).toBeGreaterThan(five.length);
    expect(ten).toEqual(expect.arrayContaining(five));
  });

  it.each([
    [0, 0],
    [100, 3],
  ])('at %d %% keeps %d of 3', (baseline_percent, expected) => {
    const story = new Story({ rules: { baseline_percent } });
    story.send({ trace: 'a' }, { trace: 'b' }, { trace: 'c' });
    story.after(10_000);
    expect(story.left()).toHaveLength(expected);
  });
});

describe('an incoming threshold', () => {
  it('is raised to a stricter baseline: half of a tenth is a tenth', () => {
    const story = new Story();
    story.send({ trace: kept, traceState: 'ot=th:8' });
    story.after(10_000);
    expect(story.left()[0].traceState).toBe('ot=th:e666');
  });

  it('is never lowered by a rule that keeps everything', () => {
    const story = new Story();
    story.send({ trace: kept, traceState: 'vendor=x,ot=th:8;p:1,other=y', status: 'ERROR' });
    story.after(10_000);
    expect(story.left()[0].traceState).toMatch(/th:8/);
    expect(story.left()[0].traceState).toMatch(/vendor=x.*other=y/);
  });

  it('that is malformed stays as it is, and is counted', () => {
    const story = new Story();
    story.send({ trace: 'a', traceState: 'ot=th:XYZ', status: 'ERROR' });
    story.after(10_000);
    expect(story.left()[0].traceState).toBe('ot=th:XYZ');
    expect(story.enricher.stats.malformedTraceStates).toBe(1);
  });
});

it('says policy and revision on the first local root only', () => {
  const story = new Story();
  story.send({ trace: 'a', id: 'c', parent: 'r', status: 'ERROR' }, { trace: 'a', id: 'r' });
  story.after(10_000);
  const [child, root] = story.leftOf('a');
  expect(attribute(root, 'tailgate.policy')).toBe('errors');
  expect(attribute(root, 'tailgate.revision')).toBe('r1');
  expect(attribute(root, 'tailgate.incomplete')).toBeUndefined();
  expect(attribute(child, 'tailgate.policy')).toBeUndefined();
});
