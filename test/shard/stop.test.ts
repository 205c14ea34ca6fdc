import { expect, it } from 'vitest';
import { messageOf } from '../../src/receive/message.ts';
import { ownerOf } from '../../src/route/route.ts';
import { idOf, requestBytes } from '../support/spans.ts';
import { Story } from '../support/story.ts';

const foreign = Array.from({ length: 20 }, (_, i) => `trace-${i}`).find(
  (trace) => ownerOf(Buffer.from(idOf(trace, 16)).readUInt32BE(12), 2) === 1,
) as string;
const setting = { shards: 2, rules: { debug: true } };

it('a shard that takes nothing any more hands nothing over, though the request was on its way already', () => {
  const story = new Story(setting);
  const [receiver] = story.shards;
  const bytes = requestBytes({ trace: foreign });
  expect(receiver.refuses(bytes.length)).toBeUndefined();
  for (const pipeline of story.shards) pipeline.close();
  expect(receiver.accept(messageOf([bytes]), 'grpc')).toMatchObject({ reason: 'draining' });
  expect(receiver.refuses(10)).toMatchObject({ reason: 'draining' });
  story.drain();
  expect([story.received, story.waiting, story.bufferBytes]).toEqual([0, 0, 0]);
});

it('a shard is not done while rows are on their way to it, or the notice of where they lie', () => {
  const story = new Story(setting);
  const [receiver, owner] = story.shards;
  story.offer(receiver, requestBytes({ trace: foreign }));
  for (const pipeline of story.shards) pipeline.close();
  expect([receiver.decideWaiting(10), owner.decideWaiting(10)]).toEqual([false, true]);
  story.channels.deliverAll();
  while (owner.decideWaiting(10));
  expect([story.left().length, story.inside.size]).toEqual([1, 0]);
});
