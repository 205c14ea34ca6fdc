import { describe, expect, it } from 'vitest';
import type { PolicyDocument } from '../../src/model/rules.ts';
import { ownerOf } from '../../src/route/route.ts';
import { idOf, requestBytes, type Told } from '../support/spans.ts';
import { compiled, Story } from '../support/story.ts';

const ownedBy = (shard: number): string[] =>
  Array.from({ length: 200 }, (_, i) => `trace-${i}`).filter(
    (trace) => ownerOf(Buffer.from(idOf(trace, 16)).readUInt32BE(12), 2) === shard,
  );
const long: PolicyDocument = { name: 'long', type: 'latency', latency: { threshold_ms: 500 } };
const many = Array.from(
  { length: 100 },
  (_, i): PolicyDocument => ({
    name: `nobody-${i}`,
    type: 'string_attribute',
    string_attribute: { key: 'k', values: [`${i}`] },
  }),
);

describe('a shard that hears of wider rules before the one that owns a trace', () => {
  it.each([
    ['none before', []],
    ['others of the same width before', [{ ...long, name: 'other', latency: { threshold_ms: 9 } }]],
    ['wider ones before', many],
  ])('hands over spans all the same, with %s', (_, before) => {
    const story = new Story({ shards: 2, rules: { policies: before } });
    const [a, b] = story.shards;
    const [slow, quick] = ownedBy(1);
    story.channels.deliverAll();
    a.swap(compiled({ policies: [long] }), 'r2');
    for (const [trace, durationMs] of [
      [slow, 900],
      [quick, 9],
    ] as const)
      story.offer(a, requestBytes({ trace, id: 'x', durationMs }));
    story.channels.deliverAll();
    story.turn(b);
    b.swap(compiled({ policies: [long] }), 'r2');
    story.offer(a, requestBytes({ trace: slow, id: 'y', parent: 'x', durationMs: 1 }));
    story.turn(b);
    story.after(20_000);
    expect(story.leftOf(slow)).toHaveLength(2);
    expect(story.explain(quick)).toMatchObject({ verdict: 'drop', revision: 'r2' });
  });
});

it('rows too wide for a ring go over without what the rules ask, and the owner asks again', () => {
  // A row takes 18 words under these rules, 11 without them: of 30 of one shard only those fit.
  const story = new Story({ shards: 2, ringWords: 512, rules: { policies: [...many, long] } });
  const [a] = story.shards;
  const traces = ownedBy(1).slice(0, 30);
  const spans = traces.map((trace, i): Told => ({ trace, durationMs: i % 2 === 0 ? 900 : 9 }));
  expect(story.offer(a, requestBytes(...spans))).toMatchObject({ spans: 30 });
  story.after(0);
  story.after(20_000);
  for (const [i, trace] of traces.entries()) expect(story.leftOf(trace)).toHaveLength(i % 2 === 0 ? 1 : 0);
});
