import { expect, it } from 'vitest';
import { Pieces } from '../../src/receive/pieces.ts';
import { requestBytes } from '../support/spans.ts';
import { Story } from '../support/story.ts';

const free = { claim: () => undefined };

/** What comes first is kept and overwritten where it was read; what comes last is handed on from there. */
function cut(bytes: Uint8Array, at: number): Pieces {
  const pieces = new Pieces(free);
  pieces.limit = bytes.length;
  const read = Buffer.from(bytes);
  pieces.put(read, 0, at);
  expect(pieces.keep()).toBeUndefined();
  read.fill(0xee, 0, at);
  pieces.put(read, at, read.length);
  return pieces;
}

it.each([1, 2, 4])('spans are the same wherever their message was cut, with %d shards', (shards) => {
  const story = new Story({ shards, rules: { debug: true } });
  const length = requestBytes({ trace: 'a-0000', id: 'x' }, { trace: 'b-0000', id: 'y', service: 'z' }).length;
  for (let at = 0; at <= length; at++) {
    const name = String(at).padStart(4, '0');
    const bytes = requestBytes({ trace: `a-${name}`, id: 'x' }, { trace: `b-${name}`, id: 'y', service: 'z' });
    expect(bytes.length).toBe(length);
    const pieces = cut(bytes, at);
    expect(story.offer(story.next, bytes, 'grpc', pieces)).toMatchObject({ spans: 2, rejectedSpans: 0 });
    pieces.free();
    if (at % 16 === 0) story.after(0);
  }
  story.after(10_000).drain();
  // The story itself compares what left with what came, span by span.
  expect(story.left()).toHaveLength(2 * (length + 1));
  expect([story.inside.size, story.waiting]).toEqual([0, 0]);
});
