import { expect, it } from 'vitest';
import { ownerOf } from '../../src/route/route.ts';
import { idOf, requestBytes } from '../support/spans.ts';
import { Story } from '../support/story.ts';

const ownerOfTrace = (trace: string): number => ownerOf(Buffer.from(idOf(trace, 16)).readUInt32BE(12), 2);
const traces = Array.from({ length: 100 }, (_, i) => `trace-${i}`).filter((trace) => ownerOfTrace(trace) === 1);

it('what lies where something lay before is read anew, even when the other thread was that fast', () => {
  // Each request is decided at once, for its trace is larger than may be; its memory is used again for the next.
  const story = new Story({ shards: 2, rules: { debug: true }, buffer: { maxBytes: 1 << 20, maxTraceBytes: 100 } });
  const [lender, borrower] = story.shards;
  const request = (n: number): Uint8Array =>
    requestBytes({ trace: traces[n], id: `${n}`, service: `service-${n}`, padding: 100 });
  story.offer(lender, request(0));
  story.channels.deliverAll();
  // Between two batches that one thread takes over, the other has a turn and gets a request.
  const neighbours = borrower.shard.neighbours as NonNullable<typeof borrower.shard.neighbours>;
  const takeOver = neighbours.takeOver.bind(neighbours);
  let taken = 0;
  neighbours.takeOver = (...order) => {
    if (taken > 0 && taken < 5) {
      story.clock.pass(1);
      story.turn(lender);
      story.offer(lender, request(taken));
    }
    taken++;
    return takeOver(...order);
  };
  story.turn(borrower);
  story.after(0);
  expect([taken >= 5, story.left().length, story.inside.size]).toEqual([true, 5, 0]);
});
