import http2, { type OutgoingHttpHeaders } from 'node:http2';
import { Duplex } from 'node:stream';
import { preface, readFrames, Type } from './http2-wire.ts';

/**
 * The header blocks that nghttp2, as Node's own client, writes for requests on one connection, in their order; a
 * hundred at most.
 */
export async function blocksByNghttp2(requests: readonly OutgoingHttpHeaders[]): Promise<Buffer[]> {
  const written: Buffer[] = [];
  const wire = new Duplex({
    read: () => {},
    write: (chunk: Buffer, _encoding, done) => {
      written.push(Buffer.from(chunk));
      done();
    },
  });
  const session = http2.connect('http://gateway', { createConnection: () => wire });
  session.on('error', () => {});
  const blocks = (): Buffer[] =>
    readFrames(Buffer.concat(written).subarray(preface.length))
      .filter(({ type }) => type === Type.HEADERS)
      .map(({ flags, payload }) => ((flags & 0x20) !== 0 ? payload.subarray(5) : payload));
  await new Promise((resolve) => session.once('connect', resolve));
  for (const headers of requests) {
    session.request(headers, { endStream: true }).on('error', () => {});
    await new Promise(setImmediate);
  }
  session.destroy();
  return blocks();
}
