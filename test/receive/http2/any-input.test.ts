import fc from 'fast-check';
import { expect, it } from 'vitest';
import { answer, ok, Peer, type Served } from '../support/http2-peer.ts';
import {
  blockOf,
  END_STREAM,
  type Frame,
  frameOf,
  inWords,
  padded,
  preface,
  readFrames,
  request,
  settings,
  Type,
  uint32,
} from '../support/http2-wire.ts';

const id = fc.constantFrom(0, 1, 1, 1, 2, 3, 3, 5, 7, 9);
const small = fc.uint8Array({ maxLength: 12 });
const [whole, open] = [blockOf(request), blockOf({ ...request, 'content-length': '4' })];
const block = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(whole, whole, open, blockOf({ a: 'b' }), blockOf({ ':path': '/' })) },
  { weight: 1, arbitrary: small },
);
/** Frames that make sense more often than not, since the first fault is the last. */
const frame = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(id, block, fc.constantFrom(4, 4, 5, 5, 0, 1))
      .map(([id, block, flags]) => frameOf(1, id | 1, block, flags)),
  },
  {
    weight: 8,
    arbitrary: fc.tuple(id, small, fc.constantFrom(0, 1)).map(([id, bytes, flags]) => frameOf(0, id | 1, bytes, flags)),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(id, small, fc.nat(20))
      .map(([id, bytes, padding]) => frameOf(0, id | 1, padded(bytes, padding), 8)),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(id, fc.constantFrom(1, 2, 5, 100)).map(([id, more]) => frameOf(8, id, uint32(more))),
  },
  { weight: 3, arbitrary: fc.constantFrom(0, 1, 3, 10, 65_535).map((window) => settings([4, window])) },
  { weight: 2, arbitrary: id.map((id) => frameOf(3, id | 1, uint32(8))) },
  { weight: 1, arbitrary: fc.constant(frameOf(6, 0, Buffer.alloc(8))) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.nat(11), id, small, fc.nat(255))
      .map(([type, id, bytes, flags]) => frameOf(type, id, bytes, flags)),
  },
);

/** What a client that keeps books finds wrong with what it was sent. */
function faultsIn(frames: readonly Frame[]): string[] {
  const faults: string[] = [];
  const over = new Map<number, number>();
  let gone = false;
  for (const frame of frames) {
    const { type, flags, stream, payload } = frame;
    const mustBe = (right: boolean, why: string): unknown => right || faults.push(`${inWords(frame)} ${why}`);
    mustBe(!gone, 'behind the end');
    mustBe(payload.length <= 16_384, 'too large');
    gone ||= type === Type.GOAWAY && payload.readUInt32BE(4) !== 0;
    if (type !== Type.HEADERS && type !== Type.DATA && type !== Type.RST_STREAM) continue;
    mustBe(stream % 2 === 1, 'on no stream of the client');
    // Behind an answer that came early there is a reset without fault, and nothing more.
    const isReset = type === Type.RST_STREAM;
    mustBe(
      !over.has(stream) || (isReset && over.get(stream) === Type.HEADERS && payload.readUInt32BE(0) === 0),
      'too much',
    );
    if (isReset || (flags & END_STREAM) !== 0) over.set(stream, type);
  }
  return faults;
}

/** Bytes of answers on a stream, and how many at most its client ever allowed. */
const answeredOn = (id: number, frames: readonly Frame[]): number =>
  frames.reduce(
    (sum, { type, stream, payload }) => sum + (type === Type.DATA && stream === id ? payload.length : 0),
    0,
  );
const allowedOn = (id: number, sent: readonly Frame[]): number => {
  const windows = sent.filter(
    ({ type, payload }) => type === Type.SETTINGS && payload.length === 6 && payload[1] === 4,
  );
  const initial = Math.max(5, ...windows.map(({ payload }) => payload.readUInt32BE(2)));
  const updates = sent.filter(
    ({ type, stream, payload }) => type === Type.WINDOW_UPDATE && stream === id && payload.length === 4,
  );
  return updates.reduce((sum, { payload }) => sum + payload.readUInt32BE(0), initial);
};

const behaviours: readonly ((served: Served) => void)[] = [
  () => {},
  ({ stream }) => stream.respond(ok, true),
  (served) => answer(served, 'an answer'),
  ({ stream }) => stream.reset(8),
];

it('whatever comes, in whatever pieces, is answered by the rules, and every request is closed once', () => {
  const behaviour = fc.constantFrom(...behaviours);
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 30 }), fc.nat(100), behaviour, behaviour, (frames, cut, onHead, onEnd) => {
      const peer = new Peer(preface, settings([4, 5]));
      peer.onHead = onHead;
      peer.onEnd = onEnd;
      const bytes = Buffer.concat(frames);
      for (let at = 0; at < bytes.length; at += cut + 1) peer.send(bytes.subarray(at, at + cut + 1));
      for (const served of peer.served) answer(served, 'late');
      const heard = peer.frames();
      expect(faultsIn(heard)).toEqual([]);
      for (const id of [1, 3, 5]) expect(answeredOn(id, heard)).toBeLessThanOrEqual(allowedOn(id, readFrames(bytes)));
      expect(peer.connection.waitingBytes).toBeGreaterThanOrEqual(0);
      peer.connection.close();
      expect(peer.connection.waitingBytes).toBe(0);
      expect(peer.served.every(({ closed }) => closed === 1)).toBe(true);
      expect(peer.finished).toBeLessThanOrEqual(1);
    }),
    { numRuns: 2000 },
  );
});
