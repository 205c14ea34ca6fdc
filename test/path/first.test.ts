import { expect, it } from 'vitest';
import { attribute } from '../support/otlp.ts';
import { Story } from '../support/story.ts';

it('keeps a trace with an error once its wait is over', () => {
  const story = new Story();
  story.send({ trace: 'a', id: 'root' }, { trace: 'a', parent: 'root', status: 'ERROR' }, { trace: 'b', durationMs: 600 });
  story.after(9_999);
  expect(story.left()).toEqual([]);
  story.after(1);
  expect(story.leftOf('a')).toHaveLength(2);
  expect(story.leftOf('b')).toHaveLength(1);
  expect(attribute(story.leftOf('a')[0], 'tailgate.policy')).toBe('errors');
  expect(story.leftOf('a')[1].traceState).toBe('ot=th:0');
  expect(story.explain('a')).toMatchObject({ verdict: 'keep', policy: 'errors', trigger: 'wait', complete: true, spans: 2 });
});
