import { describe, expect, it, vi } from 'vitest';
import type { Told } from '../support/spans.ts';
import { Story, seedRules } from '../support/story.ts';

/** Why each policy voted as it did, by the policy; nothing of the trace is left. */
const whys = (story: Story, trace: string): Record<string, string | undefined> =>
  Object.fromEntries(story.explain(trace)!.votes.map(({ policy, why }) => [policy, why]));

function decided(spans: Told[], setting: ConstructorParameters<typeof Story>[0] = {}): Story {
  const story = new Story({ rules: seedRules, ...setting });
  for (const span of spans) story.send(span);
  return story.after(10_000);
}

const root: Told = { trace: 't', id: 'root', name: 'GET /cart', service: 'shop', durationMs: 312 };
const inner: Told = { trace: 't', parent: 'root', name: 'query users', service: 'db', durationMs: 8 };

describe('without a window, a decision that is remembered says', () => {
  it('which span made it keep the trace', () => {
    const story = decided([root, { ...inner, status: 'ERROR' }, { ...inner, name: 'other' }]);
    expect(whys(story, 't')).toMatchObject({
      errors: 'span "query users" of db has status ERROR',
      slow: 'no span took over 500 ms: the longest took 312 ms',
    });
  });

  it('which span took longest, of a trace that was kept for it', () => {
    const story = decided([root, { ...inner, durationMs: 700 }, { ...inner, name: 'slowest', durationMs: 812 }]);
    expect(whys(story, 't').slow).toBe('span "slowest" of db took 812 ms, over 500 ms');
  });

  const many = (more: number): Told[] => Array.from({ length: more }, () => inner);

  it.each([
    ['errors', { name: 'insert', status: 'ERROR' }, 'span "insert" of db has status ERROR'],
    ['slow', { name: 'slowest', durationMs: 812 }, 'span "slowest" of db took 812 ms, over 500 ms'],
  ] as const)('who it was behind hundreds that were not, by the policy "%s"', (policy, told, why) => {
    const story = decided([root, ...many(300), { ...inner, ...told }, ...many(30), root]);
    expect(whys(story, 't')[policy]).toBe(why);
  });

  it('the same where rules ask for more than one word of conditions holds', () => {
    const policies = Array.from({ length: 40 }, (_, n) => ({
      name: `p${n}`,
      type: 'ottl_condition',
      ottl_condition: { span: [`name == "op ${n}"`] },
    }));
    const story = decided([root, ...many(300), { ...inner, name: 'op 39' }], { rules: { policies } });
    expect(whys(story, 't').p39).toBe('span "op 39" of db has a name = "op 39"');
  });

  it('how much it was, of one that was dropped', () => {
    const policies = [
      { name: 'long', type: 'latency', latency: { threshold_ms: 2000 } },
      { name: 'many', type: 'span_count', span_count: { min_spans: 5 } },
    ];
    const story = decided([root, { ...inner, startMs: 1_790_000_001_000, durationMs: 200 }], { rules: { policies } });
    expect(whys(story, 't')).toEqual({
      long: 'it took 1.2 s, not 2.001 s or more',
      many: 'it has 2 spans, not 5 or more',
    });
  });

  it('whom the first of several conditions found', () => {
    const and_sub_policy = [
      { name: 'server', type: 'ottl_condition', ottl_condition: { span: ['name == "query users"'] } },
      { name: 'some', type: 'probabilistic', probabilistic: { sampling_percentage: 100 } },
    ];
    const story = decided([root, inner], {
      rules: { policies: [{ name: 'both', type: 'and', and: { and_sub_policy } }] },
    });
    expect(whys(story, 't').both).toBe(
      'span "query users" of db has a name = "query users"; it is among the 100 % kept',
    );
  });

  it('nothing that is hidden, and no name longer than there is room for', () => {
    const name = `user ${'x'.repeat(60)} card 4111111111111111`;
    const redact = [{ name: 'cards', pattern: '[0-9]{16}' }];
    const story = new Story({ rules: seedRules, enrich: { redact } });
    // What is redacted is no longer itself.
    vi.spyOn(story.inside, 'take').mockReturnValue(true);
    story.send({ ...root, name, service: 'é'.repeat(60), status: 'ERROR' });
    story.after(10_000);
    expect(whys(story, 't').errors).toMatch(/^span "user x+ card \**" of é+ has status ERROR$/);
    expect(whys(story, 't').errors).not.toContain('4111');
  });

  it('no names of long ago, where many spans have names of their own', () => {
    const story = new Story({ rules: seedRules, buffer: { rememberedDecisions: 1024 } });
    const spans = Array.from({ length: 400 }, (_, n): Told => ({ trace: `t${n}`, name: `op ${n}`, service: 'shop' }));
    for (let n = 0; n < 400; n += 100)
      story.send(...spans.slice(n, n + 100).map((span): Told => ({ ...span, status: 'ERROR' })));
    story.after(10_000);
    const said = spans.map(({ trace }) => whys(story, trace).errors);
    const forgotten = 'a span has status ERROR, which is not seen any more';
    for (const [n, why] of said.entries())
      expect([forgotten, `span "op ${n}" of shop has status ERROR`]).toContain(why);
    const named = said.filter((why) => why !== forgotten).length;
    expect(named).toBeGreaterThan(0);
    expect(named).toBeLessThanOrEqual(16 * story.shards.length);
    for (const { shard } of story.shards) expect(shard.witnesses.bytes).toBe(16 * 128);
  });
});
