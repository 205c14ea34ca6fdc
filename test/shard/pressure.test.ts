import { expect, it } from 'vitest';
import { ownerOf } from '../../src/route/route.ts';
import { idOf, requestBytes } from '../support/spans.ts';
import { Story } from '../support/story.ts';

const ownerOfTrace = (trace: string): number => ownerOf(Buffer.from(idOf(trace, 16)).readUInt32BE(12), 2);
const [own] = Array.from({ length: 20 }, (_, i) => `trace-${i}`).filter((trace) => ownerOfTrace(trace) === 0);

it('short of memory, a trace that is all of the two oldest segments is decided with the first of them', () => {
  // Messages of 170 kB have memory of their own, which goes with them: after the first segment there is no second.
  const story = new Story({ shards: 2, rules: { debug: true }, buffer: { maxBytes: 1 << 20 } });
  const [shard] = story.shards;
  for (const id of ['a', 'b']) story.offer(shard, requestBytes({ trace: own, id, padding: 170_000 }));
  story.clock.pass(1);
  story.turn(shard);
  expect([story.left().length, story.bufferBytes]).toEqual([2, 0]);
  story.drain();
  expect(story.inside.size).toBe(0);
});
