import { expect, it } from 'vitest';
import { encodeHeaders } from '../../../src/receive/http2/encode-headers.ts';
import { FrameWriter } from '../../../src/receive/http2/frame-writer.ts';
import { inWords, readFrames } from '../support/http2-wire.ts';

it('what was taken from a writer stays as it was, whatever is written afterwards', () => {
  const writer = new FrameWriter();
  expect(writer.take()).toBeUndefined();
  const taken = Array.from({ length: 200 }, (_, i) => {
    writer.data(1, Buffer.from(`piece ${i}`));
    if (i % 50 === 0) writer.data(1, Buffer.alloc(5000, 'x'));
    return writer.take() as Buffer;
  });
  expect(writer.take()).toBeUndefined();
  const pieces = taken.map((bytes) => inWords(readFrames(bytes)[0]));
  expect(pieces).toEqual(taken.map((_, i) => `DATA 1 piece ${i}`));
});

it('a writer says once, with the first headers, that it keeps no table', () => {
  const writer = new FrameWriter();
  const block = encodeHeaders({ ':status': '200' });
  writer.headers(1, block, 0);
  writer.headers(3, block, 1);
  const [first, second] = readFrames(writer.take() as Buffer);
  expect(first.payload).toEqual(Buffer.concat([Buffer.from([0x20]), block]));
  expect(second.payload).toEqual(Buffer.from(block));
  expect(inWords(second)).toBe('HEADERS 3 :status=200 end');
});
