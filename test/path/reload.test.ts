import { describe, expect, it } from 'vitest';
import { attribute } from '../support/otlp.ts';
import { Story } from '../support/story.ts';

describe('rules that change while traces wait', () => {
  it('case 40: judge every waiting trace wholly: a hundred traces, no span lost, none twice', () => {
    const story = new Story({ rules: { error_status_codes: ['ERROR'] } });
    for (let i = 0; i < 100; i++) {
      story.send({
        trace: `t${i}`,
        id: `r${i}`,
        ...(i % 2 ? { status: 'ERROR' as const } : { attributes: { 'url.path': '/new' } }),
      });
    }
    story.swap({ routes: ['/new'] });
    for (let i = 0; i < 100; i++) story.send({ trace: `t${i}`, parent: `r${i}` });
    story.after(10_000);
    expect(story.left()).toHaveLength(100);
    const roots = story.left().filter((span) => span.parentSpanId === undefined);
    expect(roots).toHaveLength(50);
    for (const root of roots) {
      expect([attribute(root, 'tailgate.policy'), attribute(root, 'tailgate.revision')]).toEqual(['routes', 'r2']);
    }
    expect(story.spans('dropped')).toBe(100);
  });

  it('find what only the new rules ask for, in spans that came before', () => {
    const story = new Story({ rules: { baseline_percent: 0 } });
    story.send({ trace: 'a', durationMs: 300 });
    story.swap({ latency_threshold_ms: 200 });
    story.after(10_000);
    expect(story.explain('a')).toMatchObject({ verdict: 'keep', policy: 'slow', revision: 'r2' });
  });

  it('case 40: leave decided traces as they were decided', () => {
    const story = new Story({ rules: { error_status_codes: ['ERROR'] } });
    story.send({ trace: 'a', status: 'ERROR' });
    story.after(10_000);
    story.swap({ routes: ['/x'] });
    story.send({ trace: 'a' });
    story.after(0);
    expect(story.leftOf('a')).toHaveLength(2);
    expect(story.explain('a')).toMatchObject({ policy: 'errors', revision: 'r1' });
  });
});
