import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PolicyDocument } from '../../src/model/rules.ts';
import { thresholdOf } from '../../src/model/threshold.ts';
import { Story } from '../support/story.ts';

/** So many policies that ask for routes nobody has, so that those behind them need further words of bits. */
const others = (count: number): PolicyDocument[] =>
  Array.from({ length: count }, (_, i) => ({
    name: `other-${i}`,
    type: 'string_attribute',
    string_attribute: { key: `key-${i % 7}`, values: [`nobody-${i}`] },
  }));
const failed: PolicyDocument = { name: 'failed', type: 'status_code', status_code: { status_codes: ['ERROR'] } };
const long: PolicyDocument = { name: 'long', type: 'latency', latency: { threshold_ms: 1000 } };

describe.each([1, 2, 4])('with %i shards, rules that ask for much', (shards) => {
  it.each([0, 27, 28, 59, 60, 100])('find an error behind %i other questions', (count) => {
    const story = new Story({ shards, rules: { policies: [...others(count), failed, long] } });
    for (let n = 0; n < 20; n++)
      story.send({ trace: `t${n}`, id: 'r' }, { trace: `t${n}`, parent: 'r', status: n % 3 === 0 ? 'ERROR' : 'OK' });
    story.after(10_000);
    for (let n = 0; n < 20; n++)
      expect(story.explain(`t${n}`)).toMatchObject(
        n % 3 === 0 ? { verdict: 'keep', policy: 'failed' } : { verdict: 'drop' },
      );
  });

  it('judge by the trace’s whole duration, from whichever shard its spans come', () => {
    const story = new Story({ shards, rules: { policies: [...others(40), long] } });
    for (let n = 0; n < 20; n++) {
      story.send({ trace: `t${n}`, id: 'r', startMs: 1000, durationMs: 100 });
      story.send({ trace: `t${n}`, parent: 'r', startMs: 1900, durationMs: n % 2 === 0 ? 100 : 101 });
    }
    story.after(10_000);
    for (let n = 0; n < 20; n++) expect(story.explain(`t${n}`)?.verdict).toBe(n % 2 === 0 ? 'drop' : 'keep');
  });

  it('change as often as they like while traces wait: the last ones judge all of them', () => {
    const lists: PolicyDocument[][] = [[failed], [...others(30), failed], [long], [...others(100), failed, long], []];
    fc.assert(
      fc.property(fc.array(fc.nat(lists.length - 1), { maxLength: 6 }), fc.nat(lists.length - 1), (changes, last) => {
        const story = new Story({ shards, rules: { policies: lists[0] } });
        const part = (i: number): void => {
          for (let n = 0; n < 6; n++)
            story.send({
              trace: `t${n}`,
              id: `${i}`,
              startMs: 1000 + i * 300,
              durationMs: 10,
              status: n === i ? 'ERROR' : 'OK',
            });
        };
        part(0);
        changes.forEach((to, i) => {
          story.swap({ policies: lists[to] }, `c${i}`);
          part(i + 1);
        });
        story.swap({ policies: lists[last] }, 'last');
        story.after(10_000);
        const names = lists[last].map(({ name }) => name);
        const parts = changes.length + 1;
        for (let n = 0; n < 6; n++) {
          const keeps =
            (names.includes('failed') && n < parts) || (names.includes('long') && (parts - 1) * 300 + 10 > 1000);
          expect([n, story.explain(`t${n}`)?.verdict]).toEqual([n, keeps ? 'keep' : 'drop']);
        }
      }),
      { numRuns: 20 },
    );
  });
});

it('a share under another condition has its own weight', () => {
  const policy = {
    name: 'some',
    type: 'and',
    and: {
      and_sub_policy: [
        { name: 'x', type: 'status_code', status_code: { status_codes: ['ERROR'] } },
        { name: 'y', type: 'probabilistic', probabilistic: { sampling_percentage: 25 } },
      ],
    },
  };
  const story = new Story({ rules: { policies: [policy] } });
  for (let n = 0; n < 64; n++) story.send({ trace: `t${n}`, status: 'ERROR' });
  story.after(10_000);
  const all = Array.from({ length: 64 }, (_, n) => story.explain(`t${n}`)!);
  const kept = all.filter(({ verdict }) => verdict === 'keep');
  expect(kept.length).toBeGreaterThan(0);
  expect(kept.length).toBeLessThan(64);
  expect(new Set(kept.map(({ threshold }) => threshold))).toEqual(new Set([thresholdOf(0.25).text]));
});
