import { describe, expect, it } from 'vitest';
import type { EnvelopeConditions } from '../../src/model/conditions.ts';
import type { PolicyDocument } from '../../src/model/rules.ts';
import { Writer } from '../../src/wire/writer.ts';
import { leastCpuUs } from '../support/growth.ts';
import { spanBytes } from '../support/spans.ts';
import { compiled, Story } from '../support/story.ts';

const twoPaths: PolicyDocument = {
  name: 'alike',
  type: 'ottl_condition',
  ottl_condition: { span: ['resource.attributes["zz"] == attributes["yy"]'] },
};
const ofResource: PolicyDocument = {
  name: 'zz',
  type: 'string_attribute',
  string_attribute: { key: 'zz', values: ['nothing'] },
};

/** Spans of one trace in one resource, each in a scope of its own where it is said so. */
function request(count: number, resourceBytes: number, ownScopes: boolean): Uint8Array {
  const resourceSpans = new Writer();
  resourceSpans.bytes(1, attribute(1, 'zz', 'z'.repeat(resourceBytes)));
  const spans = Array.from({ length: count }, (_, i) => spanBytes({ trace: 'a', id: `${i}`, attributes: { yy: 'y' } }));
  for (const some of ownScopes ? spans.map((span) => [span]) : [spans]) {
    const scopeSpans = new Writer();
    for (const span of some) scopeSpans.bytes(2, span);
    resourceSpans.bytes(2, scopeSpans.finish());
  }
  const whole = new Writer();
  whole.bytes(1, resourceSpans.finish());
  return whole.finish();
}

function attribute(field: number, key: string, text: string): Uint8Array {
  const [value, pair, w] = [new Writer(), new Writer(), new Writer()];
  value.string(1, text);
  pair.string(1, key);
  pair.bytes(2, value.finish());
  w.bytes(field, pair.finish());
  return w.finish();
}

const offer = (story: Story, bytes: Uint8Array): unknown => story.offer(story.shards[0], bytes);

/** Quadratic would be 16 times as much, and a busy machine makes some of four. */
const linear = 10;

describe.each([
  ['one large resource', 200_000, false],
  ['one large resource and a scope for each span', 200_000, true],
  ['a scope for each span', 100, true],
])('of spans in %s', (_, resourceBytes, ownScopes) => {
  it('what is asked of span and resource together costs as much for each', () => {
    const cost = (count: number): number => {
      const bytes = request(count, resourceBytes, ownScopes);
      return leastCpuUs(() => offer(new Story({ shards: 1, rules: { policies: [twoPaths] } }), bytes), 3);
    };
    const [few, many] = [cost(250), cost(1_000)];
    expect(many / few).toBeLessThan(linear);
  });
});

it('after a change of rules a resource is asked once for all scopes in it', () => {
  const story = new Story({ shards: 1, rules: {} });
  offer(story, request(500, 1_000, true));
  const set = compiled({ policies: [ofResource] });
  let asked = 0;
  const attributes = set.conditions.resource?.attributes.map((each) => ({
    ...each,
    match: (...value: Parameters<typeof each.match>) => {
      asked++;
      return each.match(...value);
    },
  }));
  const conditions = { ...set.conditions, resource: { ...set.conditions.resource, attributes } as EnvelopeConditions };
  story.shards[0].swap({ ...set, conditions }, 'r2');
  story.after(20_000);
  expect(story.explain('a')).toMatchObject({ verdict: 'drop', revision: 'r2', spans: 500 });
  expect(asked).toBe(1);
});
