import { expect, it } from 'vitest';
import { Enricher } from '../../src/enrich/enrich.ts';
import { Story } from '../support/story.ts';
import { windowAnswers } from '../support/window-answers.ts';

const plain = new Enricher({ resource: {}, set: {}, redact: [] });

/** A checkout of which a payment failed two steps below, and one that is well; their spans came one by one. */
function twoCheckouts(): Story {
  const story = new Story({ shards: 1, rules: {}, window: { maxBytes: 1 << 26, maxAgeMs: 1e9 } });
  for (const [trace, status] of [
    ['failed', 'ERROR'],
    ['well', 'OK'],
  ] as const) {
    story.send({ trace, id: `${trace}-pay`, parent: `${trace}-cart`, name: 'pay', status, durationMs: 30 });
    story.send({ trace, id: `${trace}-cart`, parent: `${trace}-web`, name: 'cart', durationMs: 50 });
    story.send({ trace, id: `${trace}-web`, name: trace, durationMs: 80 });
  }
  return story;
}

it.each([
  ['{ nestedSetParent < 0 } >> { status = error }', ['failed']],
  ['{ name = "cart" } > { name = "pay" }', ['failed', 'well']],
  ['{ name = "pay" } > { name = "cart" }', []],
  ['{ name = "web" } !>> { status = error }', []],
  ['{ status = ok } &<< { name = "cart" }', ['well']],
  ['{} | count() = 3', ['failed', 'well']],
  ['{ status = error } | count() > 0 | select(duration)', ['failed']],
  ['by(status) | max(duration) < 40ms', ['failed', 'well']],
  ['{ duration * 2 > traceDuration && name = "cart" }', ['failed', 'well']],
])('the window runs what the store runs: %s', async (query, found) => {
  const [answer] = await windowAnswers(twoCheckouts(), plain, [query]);
  expect([...answer.matchAll(/"rootTraceName":"(\w+)"/g)].map(([, name]) => name).sort()).toEqual(found);
});

it('and refuses the same by name', async () => {
  const [metric, several] = await windowAnswers(twoCheckouts(), plain, [
    '{} | rate()',
    '({} | by(name)) > ({} | by(name))',
  ]);
  expect(metric).toContain('400 invalid TraceQL query: parse error at line 1, col 6: rate() makes a metric of spans');
  expect(several).toContain('400 structural operators need one spanset on each side: use coalesce() behind by()');
});

it.each([
  [-1, 0, true],
  [0, 1, true],
  [1, 2, false],
  [-2, -1, false],
])('a trace is inside where any moment of it is: from %i to %i s', async (start, end, isInside) => {
  const story = new Story({ shards: 1, rules: {}, window: { maxBytes: 1 << 26, maxAgeMs: 1e9 } });
  const second = 1_790_000_000;
  story.send({ trace: 'short', startMs: second * 1000 - 0.25, durationMs: 0.75 });
  const [answer] = await windowAnswers(story, plain, ['{}'], { start: second + start, end: second + end });
  expect(answer.includes('"traceID"')).toBe(isInside);
});
