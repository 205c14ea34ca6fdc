import { describe, expect, it } from 'vitest';
import { attribute } from '../support/otlp.ts';
import { Story } from '../support/story.ts';

describe('a late span', () => {
  it('case 32: of a kept trace leaves at once, with the same policy and weight, marked late', () => {
    const story = new Story();
    const trace = `${'cd'.repeat(9)}f0000000000000`;
    story.send({ trace, id: 'r' });
    story.after(10_000);
    story.swap({ baseline_percent: 100 });
    story.send({ trace, parent: 'r', name: 'late' });
    story.after(0);
    const late = story.leftOf(trace)[1];
    expect(late.traceState).toBe('ot=th:e666');
    expect(attribute(late, 'tailgate.policy')).toBe('baseline');
    expect(attribute(late, 'tailgate.revision')).toBe('r1');
    expect(attribute(late, 'tailgate.late')).toBe(true);
    expect([story.spans('late_kept'), story.traces('late_kept')]).toEqual([1, 1]);
    expect(story.explain(trace)).toMatchObject({ lateSpans: 1, spans: 1 });
  });

  it('case 33: with an ERROR does not bring a dropped trace back', () => {
    const story = new Story();
    story.send({ trace: 'a', id: 'r' });
    story.after(10_000);
    story.send({ trace: 'a', parent: 'r', status: 'ERROR' }, { trace: 'a', parent: 'r' });
    story.after(100_000);
    expect(story.left()).toEqual([]);
    expect([story.spans('late_dropped'), story.traces('late_dropped')]).toEqual([2, 1]);
  });

  it('keeps its place between traces of the same request', () => {
    const story = new Story({ rules: { error_status_codes: ['ERROR'] } });
    story.send({ trace: 'kept', status: 'ERROR' }, { trace: 'dropped' });
    story.after(10_000);
    story.send(
      { trace: 'kept' },
      { trace: 'new', status: 'ERROR' },
      { trace: 'dropped' },
      { trace: 'kept' },
      { trace: 'new' },
    );
    story.after(0);
    expect(story.leftOf('kept')).toHaveLength(3);
    story.after(10_000);
    expect(story.leftOf('new')).toHaveLength(2);
    expect(story.leftOf('dropped')).toEqual([]);
  });

  it('case 35: starts a new trace once the verdict is forgotten, oldest first', () => {
    const story = new Story({
      rules: { error_status_codes: ['ERROR'] },
      buffer: { rememberedDecisions: 2 },
      shards: 1,
    });
    story.send({ trace: 'a' }, { trace: 'b' }, { trace: 'c' });
    story.after(10_000);
    expect(story.decided).toMatchObject({ size: 2, evicted: 1 });
    story.send({ trace: 'a', status: 'ERROR' }, { trace: 'b', status: 'ERROR' });
    story.after(10_000);
    expect(story.leftOf('a')).toHaveLength(1);
    expect(story.leftOf('b')).toEqual([]);
    expect(story.spans('late_dropped')).toBe(1);
  });
});
