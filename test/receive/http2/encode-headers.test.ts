import { expect, it } from 'vitest';
import { encodeHeaders } from '../../../src/receive/http2/encode-headers.ts';
import { readBlock } from '../support/http2-wire.ts';

it('a header block of ours is plain: names and values as they are', () => {
  const expected = Buffer.from('00 07 3a737461747573 03 323030 00 01 61 00'.replaceAll(' ', ''), 'hex');
  expect(Buffer.from(encodeHeaders({ ':status': '200', a: '' }))).toEqual(expected);
});

it.each([0, 1, 126, 127, 128, 254, 255, 256, 382, 383, 10_000])(
  'a value of %i characters is as long as it says',
  (length) => {
    const headers = { 'grpc-message': 'x'.repeat(length), 'grpc-status': '0' };
    expect(readBlock(Buffer.from(encodeHeaders(headers)))).toEqual(headers);
  },
);
