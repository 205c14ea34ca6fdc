import { expect, it } from 'vitest';
import { requestBytes, type Told } from '../support/spans.ts';
import { noRules, Story } from '../support/story.ts';

/** As many small traces as one resource can have; what leaves for them must not be many times what came. */
it('a resource that a thousand kept traces share leaves about once, and one too large takes its spans with it', () => {
  const story = new Story({ rules: { ...noRules, debug: true } });
  const traces = (service: string): Told[] =>
    Array.from({ length: 1000 }, (_, i) => ({ trace: `${service.length} ${i}`, service }));
  const large = traces('l'.repeat(200 << 10));
  const cameBytes = requestBytes(...large).length;
  expect(story.send(...large).rejectedSpans).toBe(0);
  const tooLarge = story.send(...traces('l'.repeat(300 << 10)), { trace: 'innocent' });
  expect(tooLarge.rejectedSpans).toBe(1000);
  expect(tooLarge.message).toContain('receive.max_envelope_bytes');
  story.after(20_000);
  expect(story.left().length).toBe(1001);
  const leftBytes = story.requests.reduce((sum, { body }) => sum + body.length, 0);
  expect(leftBytes).toBeLessThan(cameBytes * (1 + story.shards.length));
});
