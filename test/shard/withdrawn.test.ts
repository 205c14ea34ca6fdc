import { describe, expect, it } from 'vitest';
import { ownerOf } from '../../src/route/route.ts';
import { idOf, requestBytes } from '../support/spans.ts';
import { Story } from '../support/story.ts';

/** In a buffer of so little, a message of 200 kB has memory of its own, which is given back with it. */
const setting = { shards: 2, rules: { debug: true }, buffer: { maxBytes: 1 << 20, decisionWaitMs: 200 } };

/** Large requests whose trace shard 1 owns. */
const requests = Array.from({ length: 100 }, (_, i) => `trace-${i}`)
  .filter((trace) => ownerOf(Buffer.from(idOf(trace, 16)).readUInt32BE(12), 2) === 1)
  .map((trace, i) => requestBytes({ trace, id: `${i}`, padding: 200_000, service: `service-${i}` }));

describe('the number of a segment that is no more', () => {
  it('names nothing new before every borrower has heard of its end', () => {
    const story = new Story(setting);
    const [lender, borrower] = story.shards;
    story.offer(lender, requests[0]);
    story.after(0).after(250);
    expect(story.left()).toHaveLength(1);
    // Memory given back: the notice of it is on its way, and so is the notice of what comes next. The ring is faster.
    story.clock.pass(1);
    story.turn(lender);
    expect([story.bufferBytes, story.channels.busy]).toEqual([0, ['0 to 1']]);
    story.offer(lender, requests[1]);
    story.turn(borrower);
    story.after(0).after(250);
    expect([story.left().length, story.inside.size]).toEqual([2, 0]);
  });

  it('is free again when all have, so that numbers do not grow with traffic', () => {
    const story = new Story(setting);
    const [lender] = story.shards;
    for (const request of requests) {
      story.offer(lender, request);
      story.after(0).after(250).after(1);
    }
    expect(story.left()).toHaveLength(requests.length);
    expect(lender.shard.buffer.segments.list.length).toBeLessThan(5);
  });

  it('is told only to who needs it, so that memory is not held by whoever is slow to hear of it', () => {
    const story = new Story({ ...setting, shards: 4 });
    const owner = ownerOf(Buffer.from(idOf('a', 16)).readUInt32BE(12), 4);
    const receiver = (owner + 1) % 4;
    story.offer(story.shards[receiver], requestBytes({ trace: 'a', padding: 200_000 }));
    expect(story.channels.busy).toEqual([`${receiver} to ${owner}`]);
    story.after(0).after(250).after(1);
    expect([story.left().length, story.bufferBytes]).toEqual([1, 0]);
  });
});
