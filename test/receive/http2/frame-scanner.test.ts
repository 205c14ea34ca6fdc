import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameScanner, type FrameSink } from '../../../src/receive/http2/frame-scanner.ts';
import { ConnectionError, ErrorCode } from '../../../src/receive/http2/protocol.ts';
import {
  data,
  END_STREAM,
  frameOf,
  headers,
  PADDED,
  padded,
  ping,
  preface,
  Type,
  uint32,
} from '../support/http2-wire.ts';

/** What a sink was told, in words; pieces of one frame's data are put together. */
class Told implements FrameSink {
  readonly events: string[] = [];
  #data = '';

  beginData(stream: number, bytes: number, flags: number): void {
    this.events.push(`data of ${stream}, ${bytes} bytes, flags ${flags}`);
    this.#data = '';
  }

  data(bytes: Buffer, start: number, end: number): void {
    expect(end).toBeGreaterThan(start);
    this.#data += bytes.toString('hex', start, end);
  }

  endData(): void {
    this.events.push(this.#data);
  }

  frame(type: number, flags: number, stream: number, bytes: Buffer, start: number, end: number): void {
    this.events.push(`${type} on ${stream}, flags ${flags}: ${bytes.toString('hex', start, end)}`);
  }
}

/**
 * Hands `bytes` to a scanner in pieces that end at `cuts`, each in a buffer that is overwritten afterwards, as reads
 * are.
 */
function scan(bytes: Buffer, cuts: readonly number[] = []): string[] {
  const told = new Told();
  const scanner = new FrameScanner(told);
  const ends = [...new Set([...cuts.filter((cut) => cut < bytes.length), bytes.length])].sort((a, b) => a - b);
  const shared = Buffer.alloc(bytes.length + 1);
  let at = 0;
  for (const end of ends) {
    const length = bytes.copy(shared, 0, at, end);
    scanner.read(shared, length);
    shared.fill(0xee);
    at = end;
  }
  return told.events;
}

const stream = (...frames: readonly Uint8Array[]): Buffer => Buffer.concat([preface, ...frames]);
const everywhere = (bytes: Buffer): number[] => Array.from(bytes, (_, at) => at + 1);

describe('frames', () => {
  const some = stream(
    frameOf(Type.SETTINGS, 0, Buffer.alloc(0)),
    headers(1, Buffer.from('abc')),
    data(1, 'hello'),
    data(1),
    frameOf(Type.DATA, 1, padded('padded', 3), PADDED),
    frameOf(Type.DATA, 1, padded('', 0), PADDED),
    frameOf(Type.DATA, 1, padded('', 5), PADDED | END_STREAM),
    frameOf(99, 0x8000_0003, Buffer.from('x'), 255),
    ping(),
    data(3, '', END_STREAM),
  );
  const expected = [
    '4 on 0, flags 0: ',
    '1 on 1, flags 4: 616263',
    'data of 1, 5 bytes, flags 0',
    Buffer.from('hello').toString('hex'),
    'data of 1, 0 bytes, flags 0',
    '',
    'data of 1, 10 bytes, flags 8',
    Buffer.from('padded').toString('hex'),
    'data of 1, 1 bytes, flags 8',
    '',
    'data of 1, 6 bytes, flags 9',
    '',
    '99 on 3, flags 255: 78',
    '6 on 0, flags 0: 3132333435363738',
    'data of 3, 0 bytes, flags 1',
    '',
  ];

  it('are told as they come', () => {
    expect(scan(some)).toEqual(expected);
  });

  it('are the same byte by byte', () => {
    expect(scan(some, everywhere(some))).toEqual(expected);
  });

  it('are the same cut once, wherever that is', () => {
    for (const cut of everywhere(some)) expect(scan(some, [cut])).toEqual(expected);
  });

  it('end with the read that brings their last byte', () => {
    for (const last of [data(1, 'x'), data(1), frameOf(Type.DATA, 1, padded('x', 1), PADDED), ping()]) {
      expect(scan(stream(last))).toHaveLength(last[3] === Type.DATA ? 2 : 1);
      expect(scan(stream(last).subarray(0, -1)).length).toBeLessThan(last[3] === Type.DATA ? 2 : 1);
    }
  });

  it('hand on data without waiting for the rest', () => {
    const cut = stream(data(1, 'hello')).subarray(0, -2);
    const told = new Told();
    const pieces: string[] = [];
    told.data = (bytes, start, end) => void pieces.push(bytes.toString('latin1', start, end));
    const scanner = new FrameScanner(told);
    scanner.read(cut, cut.length);
    scanner.read(Buffer.from('lo'), 2);
    expect(pieces).toEqual(['hel', 'lo']);
  });

  it('of any kind are the same whatever the cuts', () => {
    const flags = fc.nat(255);
    const id = fc.nat(0x7fff_ffff);
    const payload = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.nat(2000).map((length) => Buffer.alloc(length, length)),
    );
    const frame = fc.oneof(
      fc.tuple(id, payload, flags).map(([stream, bytes, flags]) => frameOf(0, stream, bytes, flags & ~PADDED)),
      fc
        .tuple(id, payload, fc.nat(255), flags)
        .map(([stream, bytes, padding, flags]) => frameOf(0, stream, padded(bytes, padding), flags | PADDED)),
      fc.tuple(fc.integer({ min: 1, max: 255 }), id, payload, flags).map(([type, ...rest]) => frameOf(type, ...rest)),
    );
    const cuts = fc.array(fc.nat(4000), { maxLength: 40 });
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 12 }), cuts, (frames, cuts) => {
        const bytes = stream(...frames);
        expect(scan(bytes, cuts)).toEqual(scan(bytes));
      }),
      { numRuns: 300 },
    );
  });
});

describe('what is not HTTP/2', () => {
  const refused = (bytes: Buffer, code: number): void => {
    for (const cuts of [[], everywhere(bytes)]) {
      expect(() => scan(bytes, cuts)).toThrow(ConnectionError);
      expect(() => scan(bytes, cuts)).toThrow(expect.objectContaining({ code }));
    }
  };

  it.each([
    ['HTTP/1', 'POST /v1/traces HTTP/1.1\r\n'],
    ['a preface that ends otherwise', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r'],
    ['TLS', '\x16\x03\x01\x02\x00'],
  ])('is refused with its first wrong byte: %s', (_what, text) => {
    refused(Buffer.from(text, 'latin1'), ErrorCode.PROTOCOL_ERROR);
  });

  it('is nothing yet when it is the beginning of the preface', () => {
    expect(scan(preface.subarray(0, -1), everywhere(preface))).toEqual([]);
  });

  it.each([0, 1, 4, 99])('is a frame of type %i beyond the limit; one within it is taken', (type) => {
    refused(stream(frameOf(type, 1, Buffer.alloc(0), 0, 16_385)), ErrorCode.FRAME_SIZE_ERROR);
    const most = stream(frameOf(type, 1, Buffer.alloc(16_384)));
    expect(scan(most, [24 + 9, 10_000, 16_000])).toEqual(scan(most));
  });

  it.each([
    ['is more than the frame', frameOf(0, 1, Buffer.from([1]), PADDED), ErrorCode.PROTOCOL_ERROR],
    [
      'is more than the rest of the frame',
      frameOf(0, 1, Buffer.from([5, 1, 2, 3, 4]), PADDED),
      ErrorCode.PROTOCOL_ERROR,
    ],
    ['has no length', frameOf(0, 1, Buffer.alloc(0), PADDED), ErrorCode.FRAME_SIZE_ERROR],
  ])('is padding that %s', (_what, frame, code) => {
    refused(stream(frame), code);
  });

  it('may be padding alone', () => {
    expect(scan(stream(frameOf(0, 1, Buffer.concat([Buffer.from([4]), uint32(0)]), PADDED)))).toEqual([
      'data of 1, 5 bytes, flags 8',
      '',
    ]);
  });
});
