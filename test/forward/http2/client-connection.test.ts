import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  ACK,
  blockOf,
  data,
  END_HEADERS,
  END_STREAM,
  frameOf,
  headers,
  PADDED,
  padded,
  ping,
  reset,
  settings,
  Type,
  uint32,
  windowUpdate,
} from '../../receive/support/http2-wire.ts';
import { done, doneBlock, greeted, headBlock, ok, ScriptedServer } from './scripted-server.ts';

const MAX_CONCURRENT_STREAMS = 3;
const INITIAL_WINDOW_SIZE = 4;
const whole = END_HEADERS | END_STREAM;
const goAway = (last: number, code = 0): Uint8Array => frameOf(Type.GOAWAY, 0, uint32(last, code));
const answer = (stream: number, body = 'hello'): Uint8Array[] => [
  headers(stream, headBlock),
  data(stream, body),
  headers(stream, doneBlock, whole),
];
const fine = { head: ok, trailers: done, body: Buffer.from('hello'), error: '', isUnprocessed: false };

describe('a call', () => {
  it('goes in the pieces that it lies in, and its answer is told once', () => {
    const server = new ScriptedServer();
    expect(server.heard()).toEqual(['SETTINGS']);
    server.say(settings());
    expect(server.opened).toBe(1);
    const { replies } = server.call('one ', '', 'two');
    expect(server.heard()).toEqual(['SETTINGS ack', 'HEADERS 1 :path=/', 'DATA 1 one two end']);
    server.say(...answer(1));
    expect(replies).toEqual([fine]);
    server.connection.lost('over');
    expect(replies).toHaveLength(1);
  });

  it('and the next one are told apart, whichever is answered first', () => {
    const server = greeted();
    const [first, second] = [server.call('a'), server.call('b')];
    server.say(...answer(3, 'second'), ...answer(1, 'first'));
    expect(first.replies).toMatchObject([{ body: Buffer.from('first') }]);
    expect(second.replies).toMatchObject([{ body: Buffer.from('second') }]);
  });

  it('is answered however the answer is cut: byte by byte, with padding, in one frame of headers, behind interim ones', () => {
    const server = greeted();
    const { replies } = server.call('a');
    const interim = headers(1, blockOf({ ':status': '103' }));
    const long = [
      headers(1, headBlock.subarray(0, 3), 0),
      frameOf(Type.CONTINUATION, 1, headBlock.subarray(3), END_HEADERS),
    ];
    const body = frameOf(Type.DATA, 1, padded('hello', 7), PADDED);
    for (const byte of Buffer.concat([interim, ...long, body, headers(1, doneBlock, whole)]))
      server.say(Buffer.from([byte]));
    expect(replies).toEqual([fine]);
    const alone = server.call('b');
    server.say(headers(3, blockOf({ ...ok, 'grpc-status': '14' }), whole));
    expect(alone.replies).toMatchObject([{ head: { 'grpc-status': '14' }, trailers: undefined, error: '' }]);
  });

  it('that is refused unseen may go again, and one that was looked at may not', () => {
    const server = greeted();
    const calls = [server.call('a'), server.call('b'), server.call('c')];
    server.say(reset(1, 7), reset(3, 2), headers(5, headBlock), reset(5, 7));
    expect(calls.map(({ replies }) => replies[0]?.isUnprocessed)).toEqual([true, false, false]);
    expect(calls.every(({ replies }) => replies[0]?.error !== '')).toBe(true);
  });

  it('that is given up is reset, and what comes of it later does no harm: the table of headers goes on', () => {
    const server = greeted();
    const { call, replies } = server.call('a');
    server.connection.cancel(call, 'no answer in time');
    expect(replies).toMatchObject([{ error: 'no answer in time', isUnprocessed: false, trailers: undefined }]);
    expect(server.heard().at(-1)).toBe('RST_STREAM 1 CANCEL');
    const entered = Buffer.concat([Buffer.from([0x88, 0x40]), blockOf({ 'x-kind': 'member' }).subarray(1)]);
    server.say(headers(1, entered), data(1, 'late', END_STREAM));
    const next = server.call('b');
    server.say(headers(3, Buffer.from([0x88, 0xbe])), headers(3, doneBlock, whole));
    expect(next.replies).toMatchObject([{ head: { ...ok, 'x-kind': 'member' }, trailers: done }]);
  });

  it('whose answer comes before all of it was heard stops there, and is told when nobody reads its bytes any more', () => {
    const server = greeted();
    server.isFast = false;
    const { replies } = server.call(new Uint8Array(100_000));
    server.say(...answer(1));
    expect(server.heard().at(-1)).toBe('RST_STREAM 1 NO_ERROR');
    expect(replies).toEqual([]);
    for (const written of server.writes) written();
    // Whatever it says, it has not taken what it was not sent.
    expect(replies).toEqual([{ ...fine, error: 'an answer to a part of the message' }]);
  });

  it('whose answer breaks off while its bytes are still being read has none, though a status came', () => {
    const server = greeted();
    server.isFast = false;
    const { replies } = server.call('a');
    server.say(headers(1, blockOf({ ...ok, 'grpc-status': '3' })), reset(1, 0));
    expect(replies).toMatchObject([{ head: undefined, error: 'it reset the call with error 0' }]);
  });

  it('that was answered, and whose bytes are still being read when its time is over, was not taken for all we know', () => {
    const server = greeted();
    server.isFast = false;
    const { call, replies } = server.call('a');
    server.say(...answer(1));
    server.connection.cancel(call, 'no answer in time');
    expect(replies).toMatchObject([{ head: undefined, trailers: undefined, error: 'no answer in time' }]);
    // With the socket they are nobody's.
    const { replies: lost } = server.call('b');
    server.say(...answer(3));
    server.connection.lost('gone');
    expect(lost).toEqual([fine]);
  });
});

describe('the windows', () => {
  it('are kept to, and the message goes on where it stopped as they open', () => {
    const server = greeted([INITIAL_WINDOW_SIZE, 40_000]);
    const sent = randomBytes(150_000);
    const { replies } = server.call(sent.subarray(0, 7), sent.subarray(7, 30_000), sent.subarray(30_000));
    const parts = [server.message(1)];
    expect(parts[0].lengths).toEqual([16_384, 16_384, 7_232]);
    // The stream's window is open, the connection's is used up: 65,535.
    server.say(windowUpdate(1, 200_000));
    parts.push(server.message(1));
    expect(parts[1].bytes).toHaveLength(25_535);
    server.say(windowUpdate(0, 1));
    parts.push(server.message(1));
    expect(parts[2].lengths).toEqual([1]);
    server.say(windowUpdate(0, 1_000_000));
    parts.push(server.message(1));
    expect(parts.map(({ isWhole }) => isWhole)).toEqual([false, false, false, true]);
    expect(Buffer.concat(parts.map(({ bytes }) => bytes)).equals(sent)).toBe(true);
    server.say(...answer(1));
    expect(replies).toEqual([fine]);
  });

  it('of streams under way change with the settings, below nothing too', () => {
    const server = greeted([INITIAL_WINDOW_SIZE, 100]);
    server.call(new Uint8Array(300));
    expect(server.message(1).lengths).toEqual([100]);
    server.say(settings([INITIAL_WINDOW_SIZE, 50]));
    server.say(windowUpdate(1, 60));
    expect(server.message(1).lengths).toEqual([10]);
    server.say(settings([INITIAL_WINDOW_SIZE, 500]));
    expect(server.message(1)).toMatchObject({ lengths: [190], isWhole: true });
  });

  it('of answers are opened again, however many there are', () => {
    const server = greeted();
    for (let n = 0, id = 1; n < 100; n++, id += 2) {
      const { replies } = server.call('a');
      server.say(...answer(id, 'x'.repeat(10_000)));
      expect(replies).toHaveLength(1);
    }
    const opened = server.heard().map((words) => /^WINDOW_UPDATE 0 (\d+)$/.exec(words)?.[1] ?? 0);
    expect(opened.reduce((sum: number, bytes) => sum + Number(bytes), 0)).toBeGreaterThan(1_000_000 - 65_535);
    server.call('b');
    server.say(headers(201, headBlock), ...Array.from({ length: 40 }, () => data(201, 'x'.repeat(1_000))));
    expect(server.heard().filter((words) => words.startsWith('WINDOW_UPDATE 201'))).toHaveLength(1);
  });
});

describe('a server', () => {
  it('that serves one call at a time is asked the next when one is over', () => {
    const server = greeted([MAX_CONCURRENT_STREAMS, 1]);
    const [first, second, third] = [server.call('a'), server.call('b'), server.call('c')];
    expect(server.heard()).toEqual(['HEADERS 1 :path=/', 'DATA 1 a end']);
    server.connection.cancel(second.call, 'no answer in time');
    expect(second.replies).toMatchObject([{ isUnprocessed: true }]);
    server.say(...answer(1));
    expect(first.replies).toEqual([fine]);
    expect(server.heard()).toEqual(['HEADERS 3 :path=/', 'DATA 3 c end']);
    server.say(settings([MAX_CONCURRENT_STREAMS, 2]));
    server.call('d');
    expect(server.heard()).toEqual(['SETTINGS ack', 'HEADERS 5 :path=/', 'DATA 5 d end']);
    expect(third.replies).toEqual([]);
  });

  it('that goes away answers what it has looked at; the rest goes elsewhere, and then the connection ends', () => {
    const server = greeted([MAX_CONCURRENT_STREAMS, 2]);
    const calls = [server.call('a'), server.call('b'), server.call('c')];
    server.say(goAway(2 ** 31 - 1));
    expect(calls.map(({ replies }) => replies[0]?.isUnprocessed)).toEqual([undefined, undefined, true]);
    server.say(goAway(1));
    expect(calls.map(({ replies }) => replies[0]?.isUnprocessed)).toEqual([undefined, true, true]);
    expect(server.connection.isClosed).toBe(true);
    expect(server.call('d').replies).toMatchObject([{ isUnprocessed: true }]);
    expect(server.finished).toBe(0);
    server.say(...answer(1));
    expect(calls[0].replies).toEqual([fine]);
    expect(server.finished).toBe(1);
  });

  it('that is asked no more answers what is under way, and what waits for it', () => {
    const server = greeted([MAX_CONCURRENT_STREAMS, 1]);
    const calls = [server.call('a'), server.call('b')];
    server.connection.close();
    server.say(...answer(1));
    expect(server.finished).toBe(0);
    server.say(...answer(3));
    expect(calls.map(({ replies }) => replies)).toEqual([[fine], [fine]]);
    expect(server.finished).toBe(1);
  });

  it('that is gone may have what was sent, and has nothing else', () => {
    const server = greeted([MAX_CONCURRENT_STREAMS, 1]);
    const calls = [server.call('a'), server.call('b')];
    server.connection.lost('read ECONNRESET');
    expect(calls.map(({ replies }) => replies[0])).toMatchObject([
      { error: 'read ECONNRESET', isUnprocessed: false },
      { error: 'read ECONNRESET', isUnprocessed: true },
    ]);
  });

  it('that pings, or sends what nobody knows, is answered', () => {
    const server = greeted();
    server.say(
      ping('abcdefgh'),
      ping('12345678', ACK),
      frameOf(99, 0, Buffer.alloc(3)),
      frameOf(2, 1, Buffer.alloc(5)),
    );
    expect(server.heard()).toEqual(['PING ack abcdefgh']);
  });

  it('that pings and pings is left', () => {
    const server = greeted();
    const { replies } = server.call('a');
    for (let n = 0; n < 2_000; n++) server.say(ping());
    expect(server.heard().at(-1)).toBe('GOAWAY last=0 ENHANCE_YOUR_CALM');
    expect(replies).toMatchObject([{ isUnprocessed: false }]);
    expect(server.finished).toBe(1);
  });
});

describe('an answer that breaks a rule', () => {
  const ofTheCall: [what: string, frames: Uint8Array[], code: string][] = [
    ['begins with data', [data(1, 'x')], 'PROTOCOL_ERROR'],
    ['has no status', [headers(1, blockOf({ a: 'b' }))], 'PROTOCOL_ERROR'],
    ['has headers twice', [headers(1, headBlock), headers(1, doneBlock)], 'PROTOCOL_ERROR'],
    ['is over before it began', [headers(1, blockOf({ ':status': '100' }), whole)], 'PROTOCOL_ERROR'],
    ['opens its window by nothing', [windowUpdate(1, 0)], 'PROTOCOL_ERROR'],
    ['opens its window too wide', [windowUpdate(1, 2 ** 31 - 1)], 'FLOW_CONTROL_ERROR'],
  ];

  it.each(ofTheCall)('as it %s is given up, and others go on', (_what, frames, code) => {
    const server = greeted();
    const [broken, other] = [server.call('a'), server.call('b')];
    server.say(...frames);
    expect(broken.replies).toMatchObject([{ isUnprocessed: false, trailers: undefined }]);
    expect(server.heard().at(-1)).toBe(`RST_STREAM 1 ${code}`);
    server.say(...answer(3));
    expect(other.replies).toEqual([fine]);
  });

  it('as it is endless is cut off', () => {
    const server = greeted();
    const { replies } = server.call('a');
    server.say(headers(1, headBlock));
    for (let n = 0; n < 300; n++) server.say(data(1, Buffer.alloc(16_384)));
    expect(replies).toMatchObject([{ error: 'an answer that is too long' }]);
    expect(server.heard()).toContain('RST_STREAM 1 CANCEL');
  });

  const ofAll: [what: string, frames: Uint8Array[], code: string][] = [
    ['a stream that nobody began', [headers(3, headBlock)], 'PROTOCOL_ERROR'],
    ['a stream of its own', [headers(2, headBlock)], 'PROTOCOL_ERROR'],
    ['data of no stream', [data(0, 'x')], 'PROTOCOL_ERROR'],
    ['a push', [frameOf(Type.PUSH_PROMISE, 1, Buffer.concat([uint32(2), headBlock]), END_HEADERS)], 'PROTOCOL_ERROR'],
    ['a frame that is too long', [frameOf(Type.DATA, 1, Buffer.alloc(0), 0, 16_385)], 'FRAME_SIZE_ERROR'],
    ['headers that are no code', [headers(1, Buffer.from([0xff, 0xff, 0xff]))], 'COMPRESSION_ERROR'],
    ['a window that is too wide', [windowUpdate(0, 2 ** 31 - 1)], 'FLOW_CONTROL_ERROR'],
    ['a frame within headers', [headers(1, headBlock, 0), ping()], 'PROTOCOL_ERROR'],
  ];

  it.each(ofAll)('with %s ends the connection, and nobody knows what was taken', (_what, frames, code) => {
    const server = greeted();
    const { replies } = server.call('a');
    server.say(...frames);
    expect(server.heard().at(-1)).toBe(`GOAWAY last=0 ${code}`);
    expect(replies).toMatchObject([{ isUnprocessed: false, trailers: undefined }]);
    expect(server.finished).toBe(1);
    expect(server.connection.isClosed).toBe(true);
  });

  it('as it does not begin with settings is none of HTTP/2', () => {
    const server = new ScriptedServer();
    server.say(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'));
    expect(server.opened).toBe(0);
    expect(server.finished).toBe(1);
  });
});
