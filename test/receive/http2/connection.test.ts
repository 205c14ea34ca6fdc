import { describe, expect, it } from 'vitest';
import { answer, greeted, ok, Peer } from '../support/http2-peer.ts';
import {
  ACK,
  blockOf,
  data,
  END_HEADERS,
  END_STREAM,
  frameOf,
  goAway,
  headers,
  PADDED,
  padded,
  ping,
  preface,
  request,
  reset,
  settings,
  Type,
  uint32,
  windowUpdate,
} from '../support/http2-wire.ts';

const MiB = 1024 * 1024;
const INITIAL_WINDOW_SIZE = 4;
const whole = END_HEADERS | END_STREAM;
const answered = (id: number, body = 'hello'): string[] => [
  `HEADERS ${id} :status=200`,
  `DATA ${id} ${body}`,
  `HEADERS ${id} grpc-status=0 end`,
];

describe('a connection', () => {
  it('says hello when the client has begun, with its limits and a wide window', () => {
    const peer = new Peer();
    expect(peer.writes).toBe(0);
    peer.send(preface.subarray(0, 3));
    const [first, second] = peer.frames();
    expect(first).toMatchObject({ type: Type.SETTINGS, flags: 0, stream: 0 });
    expect(first.payload).toEqual(
      Buffer.concat([
        Buffer.from([0, 3]),
        uint32(1000),
        Buffer.from([0, 4]),
        uint32(4 * MiB),
        Buffer.from([0, 6]),
        uint32(16 * 1024),
      ]),
    );
    expect(second.payload.readUInt32BE(0)).toBe(16 * MiB - 65_535);
    expect(peer.connection.isOpen).toBe(false);
    peer.send(preface.subarray(3), settings());
    expect(peer.connection.isOpen).toBe(true);
    expect(peer.heard()).toEqual(['SETTINGS ack']);
  });

  it('takes a request and sends its answer in one piece', () => {
    const peer = greeted();
    peer.onEnd = (served) => answer(served);
    peer.send(headers(1), data(1, 'one '), data(1, 'two', END_STREAM));
    expect(peer.served).toMatchObject([{ headers: request, body: 'one two', ended: true, closed: 1 }]);
    expect(peer.writes).toBe(1);
    expect(peer.heard()).toEqual(answered(1));
    expect(peer.finished).toBe(0);
  });

  it('sends an answer that is ready later all the same', () => {
    const peer = greeted();
    peer.send(headers(1, undefined, whole), headers(3, undefined, whole));
    answer(peer.served[1], 'second');
    answer(peer.served[0], 'first');
    expect(peer.heard()).toEqual([...answered(3, 'second'), ...answered(1, 'first')]);
    expect(peer.connection.streams.size).toBe(0);
  });

  it('puts headers together that come in pieces', () => {
    const peer = greeted();
    const block = blockOf(request);
    peer.send(
      headers(1, block.subarray(0, 10), END_STREAM),
      frameOf(Type.CONTINUATION, 1, Buffer.alloc(0)),
      frameOf(Type.CONTINUATION, 1, block.subarray(10), END_HEADERS),
    );
    expect(peer.served).toMatchObject([{ headers: request, ended: true }]);
  });

  it('leaves out padding, and a priority that nobody heeds any more', () => {
    const peer = greeted();
    const payload = padded(Buffer.concat([uint32(0), Buffer.from([16]), blockOf(request)]), 7);
    peer.send(frameOf(Type.HEADERS, 1, payload, END_HEADERS | PADDED | 0x20));
    peer.send(
      frameOf(Type.DATA, 1, padded('text', 200), PADDED),
      frameOf(Type.DATA, 1, padded('', 0), PADDED | END_STREAM),
    );
    expect(peer.served).toMatchObject([{ headers: request, body: 'text', ended: true }]);
  });

  it('takes trailers as the end of a request', () => {
    const peer = greeted();
    peer.send(headers(1), data(1, 'text'), headers(1, blockOf({ 'x-checksum': '1' }), whole));
    expect(peer.served).toMatchObject([{ body: 'text', ended: true }]);
    expect(peer.heard()).toEqual([]);
  });

  it.each([
    ['do not end it', blockOf({ 'x-checksum': '1' }), END_HEADERS],
    ['have a pseudo-header', blockOf({ ':path': '/' }), whole],
  ])('gives a request up whose trailers %s', (_what, block, flags) => {
    const peer = greeted();
    peer.send(headers(1), data(1, 'text'), headers(1, block, flags));
    expect(peer.heard()).toEqual(['RST_STREAM 1 PROTOCOL_ERROR']);
    expect(peer.served).toMatchObject([{ ended: false, closed: 1 }]);
  });

  it('answers pings with what they carry, and passes over frames that it does not know', () => {
    const peer = greeted();
    peer.send(
      ping('abcdefgh'),
      ping('12345678', ACK),
      frameOf(0x42, 0, Buffer.from('?')),
      frameOf(0xff, 1, Buffer.alloc(0)),
    );
    expect(peer.heard()).toEqual(['PING ack abcdefgh']);
  });

  it('gives up the one request that its client resets', () => {
    const peer = greeted();
    peer.send(headers(1), headers(3), reset(1));
    peer.send(data(3, '', END_STREAM));
    expect(peer.served).toMatchObject([
      { ended: false, closed: 1 },
      { ended: true, closed: 0 },
    ]);
    answer(peer.served[0]);
    expect(peer.heard()).toEqual([]);
  });

  it('gives up every request when its socket is gone, and says nothing more', () => {
    const peer = greeted();
    peer.send(headers(1), headers(3, undefined, whole));
    peer.connection.close();
    expect(peer.served).toMatchObject([{ closed: 1 }, { closed: 1 }]);
    for (const served of peer.served) answer(served);
    peer.send(ping());
    expect(peer.heard()).toEqual([]);
  });
});

describe('content-length', () => {
  const announcing = (length: string) => blockOf({ ...request, 'content-length': length });

  it('is what came', () => {
    const peer = greeted();
    peer.send(headers(1, announcing('4')), data(1, 'te'), frameOf(Type.DATA, 1, padded('xt', 9), PADDED | END_STREAM));
    expect(peer.served).toMatchObject([{ body: 'text', ended: true }]);
  });

  it.each(['3', '5', 'x', '', '-1', '0x4', '4, 4'])('%j before four bytes makes a request malformed', (length) => {
    const peer = greeted();
    peer.send(headers(1, announcing(length)), data(1, 'text', END_STREAM));
    expect(peer.heard()).toEqual(['RST_STREAM 1 PROTOCOL_ERROR']);
    expect(peer.served).toMatchObject([{ ended: false, closed: 1 }]);
  });

  it('before no body at all makes it malformed too', () => {
    const peer = greeted();
    peer.send(headers(1, announcing('4'), whole));
    expect(peer.heard()).toEqual(['RST_STREAM 1 PROTOCOL_ERROR']);
  });
});

describe('an answer', () => {
  it('waits for the window of its stream, and ends when all of it has left', () => {
    const peer = greeted([INITIAL_WINDOW_SIZE, 0]);
    peer.onEnd = (served) => answer(served);
    peer.send(headers(1, undefined, whole));
    expect(peer.heard()).toEqual(['HEADERS 1 :status=200']);
    peer.send(windowUpdate(1, 3));
    expect(peer.heard()).toEqual(['DATA 1 hel']);
    peer.send(windowUpdate(1, 3));
    expect(peer.heard()).toEqual(['DATA 1 lo', 'HEADERS 1 grpc-status=0 end']);
  });

  it('waits for a new initial window, which may be less than nothing for a while', () => {
    const peer = greeted([INITIAL_WINDOW_SIZE, 3]);
    peer.onEnd = (served) => answer(served);
    peer.send(headers(1, undefined, whole));
    expect(peer.heard()).toEqual(['HEADERS 1 :status=200', 'DATA 1 hel']);
    peer.send(settings([INITIAL_WINDOW_SIZE, 0]), windowUpdate(1, 3));
    expect(peer.heard()).toEqual(['SETTINGS ack']);
    peer.send(settings([INITIAL_WINDOW_SIZE, 1]));
    expect(peer.heard()).toEqual(['SETTINGS ack', 'DATA 1 l']);
    peer.send(settings([INITIAL_WINDOW_SIZE, 100]));
    expect(peer.heard()).toEqual(['SETTINGS ack', 'DATA 1 o', 'HEADERS 1 grpc-status=0 end']);
  });

  it('waits for the window of the connection, which all share', () => {
    const peer = greeted([INITIAL_WINDOW_SIZE, MiB]);
    peer.onEnd = (served) => answer(served, 'x'.repeat(40_000));
    peer.send(headers(1, undefined, whole), headers(3, undefined, whole));
    const sent = peer.frames().filter(({ type }) => type === Type.DATA);
    expect(sent.map(({ stream, payload }) => [stream, payload.length])).toEqual([
      [1, 16_384],
      [1, 16_384],
      [1, 7232],
      [3, 16_384],
      [3, 9151],
    ]);
    peer.send(windowUpdate(0, 100_000));
    expect(peer.heard()).toEqual(['DATA 3 7233 bytes', 'DATA 3 7232 bytes', 'HEADERS 3 grpc-status=0 end']);
  });

  it('is over when its client gives up waiting for it', () => {
    const peer = greeted([INITIAL_WINDOW_SIZE, 0]);
    peer.onEnd = (served) => answer(served);
    peer.send(headers(1, undefined, whole), reset(1), windowUpdate(1, 100), windowUpdate(0, 100));
    expect(peer.heard()).toEqual(['HEADERS 1 :status=200']);
    expect(peer.served).toMatchObject([{ closed: 1 }]);
  });

  it('before the end of its request is followed by a reset without fault', () => {
    const peer = greeted();
    peer.onHead = ({ stream }) => stream.respond(ok, true);
    peer.send(headers(1));
    expect(peer.heard()).toEqual(['HEADERS 1 :status=200 end', 'RST_STREAM 1 NO_ERROR']);
    expect(peer.served).toMatchObject([{ ended: false, closed: 1 }]);
  });

  it('at the head of a request that is nothing more needs no reset', () => {
    const peer = greeted();
    peer.onHead = ({ stream }) => stream.respond(ok, true);
    peer.send(headers(1, undefined, whole));
    expect(peer.heard()).toEqual(['HEADERS 1 :status=200 end']);
    expect(peer.served).toMatchObject([{ closed: 1 }]);
    peer.send(data(1, 'late'));
    expect(peer.heard()).toEqual(['GOAWAY last=1 STREAM_CLOSED']);
  });

  it('for which the client opens no window does not pile up', () => {
    const peer = greeted([INITIAL_WINDOW_SIZE, 0]);
    peer.send(headers(1), headers(3));
    const [greedy, modest] = peer.served.map(({ stream }) => stream);
    for (const stream of [modest, greedy]) stream.respond(ok);
    modest.write(Buffer.alloc(1000));
    for (let i = 0; i < 1000 && !greedy.isOver; i++) greedy.write(Buffer.alloc(1000));
    expect(peer.heard().at(-1)).toBe('RST_STREAM 1 ENHANCE_YOUR_CALM');
    expect([greedy.isOver, modest.isOver]).toEqual([true, false]);
    // What was thrown away makes room for others.
    modest.write(Buffer.alloc(200_000));
    expect(modest.isOver).toBe(false);
  });
});

describe('what is still on its way for a request that was answered early', () => {
  const refusedEarly = (): Peer => {
    const peer = greeted();
    peer.onHead = ({ stream }) => stream.respond(ok, true);
    peer.send(headers(1));
    peer.heard();
    return peer;
  };

  it('is dropped in silence: data and its end', () => {
    const peer = refusedEarly();
    peer.send(data(1, 'late'), data(1, 'later', END_STREAM));
    expect(peer.heard()).toEqual([]);
    expect(peer.served).toMatchObject([{ body: '', ended: false }]);
  });

  it('is dropped in silence: trailers, while the header table stays in step', () => {
    const peer = refusedEarly();
    const kept = Buffer.concat([Buffer.from([0x40, 1]), Buffer.from('a'), Buffer.from([1]), Buffer.from('b')]);
    peer.send(headers(1, kept, whole));
    expect(peer.heard()).toEqual([]);
    peer.onHead = () => {};
    peer.send(headers(3, Buffer.concat([blockOf(request), Buffer.from([0x80 + 62])]), whole));
    expect(peer.served[1].headers).toEqual({ ...request, a: 'b' });
  });

  it('is dropped in silence: a window, and a reset', () => {
    const peer = refusedEarly();
    peer.send(windowUpdate(1, 10), reset(1));
    expect(peer.heard()).toEqual([]);
  });

  it.each([
    ['data', data(1, '', END_STREAM)],
    ['trailers', headers(1, blockOf({ a: 'b' }), whole)],
    ['a reset', reset(1)],
  ])('ends with %s: more would be a fault', (_what, last) => {
    const peer = refusedEarly();
    peer.send(last, data(1, 'more'));
    expect(peer.heard()).toEqual(['GOAWAY last=1 STREAM_CLOSED']);
  });

  it('counts towards the window of the connection', () => {
    const peer = refusedEarly();
    for (let i = 0; i < 512; i++) peer.send(data(1, Buffer.alloc(16_384)));
    expect(peer.heard()).toEqual([`WINDOW_UPDATE 0 ${8 * MiB}`]);
  });

  it('may go on for a thousand requests at once', () => {
    const peer = refusedEarly();
    for (let id = 3; id <= 1999; id += 2) peer.send(headers(id));
    peer.heard();
    for (let id = 1; id <= 1999; id += 2) peer.send(data(id, 'late', END_STREAM));
    expect(peer.heard()).toEqual([]);
  });
});

describe('the windows for requests', () => {
  it('are opened again when half of them is used, padding included', () => {
    const peer = greeted();
    const frame = frameOf(Type.DATA, 1, padded(Buffer.alloc(16_000), 255), PADDED);
    const bytes = 16_256;
    peer.send(headers(1));
    const half = Math.ceil((2 * MiB) / bytes);
    for (let i = 0; i < half - 1; i++) peer.send(frame);
    expect(peer.heard()).toEqual([]);
    peer.send(frame);
    expect(peer.heard()).toEqual([`WINDOW_UPDATE 1 ${half * bytes}`]);
  });

  it('are not opened for a request that is over', () => {
    const peer = greeted();
    peer.send(headers(1));
    for (let i = 0; i < 127; i++) peer.send(data(1, Buffer.alloc(16_384)));
    peer.send(data(1, Buffer.alloc(16_384), END_STREAM));
    expect(peer.heard()).toEqual([]);
  });
});

describe('requests that are not served', () => {
  it('are those beyond the limit, until others are over', () => {
    const peer = greeted();
    for (let id = 1; id <= 1999; id += 2) peer.send(headers(id));
    peer.send(headers(2001), data(2001, 'on its way', END_STREAM));
    expect(peer.heard()).toEqual(['RST_STREAM 2001 REFUSED_STREAM']);
    expect(peer.served).toHaveLength(1000);
    peer.send(reset(1), headers(2003));
    expect(peer.heard()).toEqual([]);
    expect(peer.served).toHaveLength(1001);
  });

  it('are malformed ones', () => {
    const peer = greeted();
    peer.send(headers(1, blockOf({ ':method': 'POST' })), data(1, 'body', END_STREAM));
    expect(peer.heard()).toEqual(['RST_STREAM 1 PROTOCOL_ERROR']);
    expect(peer.served).toEqual([]);
  });

  it('are those with too much in their headers', () => {
    const peer = greeted();
    const more = Array.from({ length: 200 }, (_, i): [string, string] => [`x-${i}`, 'x'.repeat(60)]);
    const block = blockOf([...Object.entries(request), ...more]);
    peer.send(
      headers(1, block.subarray(0, 16_384), 0),
      frameOf(Type.CONTINUATION, 1, block.subarray(16_384), END_HEADERS),
    );
    expect(peer.heard()).toEqual(['RST_STREAM 1 ENHANCE_YOUR_CALM']);
    peer.send(headers(3, undefined, whole));
    expect(peer.served).toHaveLength(1);
  });

  it('are those that depend on themselves', () => {
    const peer = greeted();
    const payload = Buffer.concat([uint32(1), Buffer.from([16]), blockOf(request)]);
    peer.send(frameOf(Type.HEADERS, 1, payload, END_HEADERS | 0x20));
    expect(peer.heard()).toEqual(['RST_STREAM 1 PROTOCOL_ERROR']);
  });
});

describe('going away', () => {
  it('ends a connection at once that has nothing under way', () => {
    const peer = greeted();
    peer.connection.goAway();
    expect(peer.heard()).toEqual(['GOAWAY last=0 NO_ERROR']);
    expect(peer.finished).toBeGreaterThan(0);
  });

  it('lets requests under way finish, and serves no new ones', () => {
    const peer = greeted();
    peer.send(headers(1), headers(3, undefined, whole));
    peer.connection.goAway();
    peer.connection.goAway();
    expect(peer.heard()).toEqual(['GOAWAY last=3 NO_ERROR']);
    peer.send(headers(5, undefined, whole));
    expect(peer.heard()).toEqual(['RST_STREAM 5 REFUSED_STREAM']);
    answer(peer.served[1]);
    expect(peer.finished).toBe(0);
    peer.onEnd = (served) => answer(served);
    peer.send(data(1, 'last', END_STREAM));
    expect(peer.heard()).toEqual([...answered(3), ...answered(1)]);
    expect(peer.finished).toBeGreaterThan(0);
    expect(peer.served).toHaveLength(2);
  });

  it('never promises more in a second GOAWAY than in the first', () => {
    const peer = greeted();
    peer.send(headers(1));
    peer.connection.goAway();
    expect(peer.heard()).toEqual(['GOAWAY last=1 NO_ERROR']);
    // The client has not read that yet; then it breaks a rule.
    peer.send(headers(3, undefined, whole), headers(5, undefined, whole), data(0, 'of no stream'));
    expect(peer.heard()).toEqual([
      'RST_STREAM 3 REFUSED_STREAM',
      'RST_STREAM 5 REFUSED_STREAM',
      'GOAWAY last=1 PROTOCOL_ERROR',
    ]);
  });

  it('does not take it amiss that a thousand requests were on their way', () => {
    const peer = greeted();
    peer.send(headers(1));
    peer.connection.goAway();
    peer.heard();
    for (let id = 3; id <= 2001; id += 2) peer.send(headers(id, undefined, whole));
    expect(new Set(peer.heard().map((words) => words.replace(/\d+/, '')))).toEqual(
      new Set(['RST_STREAM  REFUSED_STREAM']),
    );
    expect(peer.served).toMatchObject([{ closed: 0 }]);
  });

  it('is over in silence: nothing is read or written behind the end', () => {
    const peer = greeted();
    peer.connection.goAway();
    peer.heard();
    peer.send(ping(), settings(), headers(1, undefined, whole));
    peer.connection.goAway();
    expect(peer.heard()).toEqual([]);
    expect(peer.served).toEqual([]);
    expect(peer.finished).toBe(1);
  });

  it('follows the client that goes away itself', () => {
    const peer = greeted();
    peer.send(headers(1, undefined, whole), goAway());
    expect(peer.finished).toBe(0);
    answer(peer.served[0]);
    expect(peer.heard()).toEqual(answered(1));
    expect(peer.finished).toBe(1);
  });

  it('follows the client that sends no more: what is complete is answered', () => {
    const peer = greeted();
    peer.send(headers(1), headers(3, undefined, whole));
    peer.connection.endOfInput();
    expect(peer.served).toMatchObject([{ closed: 1 }, { closed: 0 }]);
    expect(peer.finished).toBe(0);
    answer(peer.served[1]);
    expect(peer.heard()).toEqual(answered(3));
    expect(peer.finished).toBe(1);
  });

  it('follows the client that leaves without a word', () => {
    const peer = new Peer();
    peer.connection.endOfInput();
    expect(peer.finished).toBe(1);
  });
});
