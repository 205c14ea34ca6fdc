import { answer, ok, Peer, type Served } from '../../receive/support/http2-peer.ts';
import { blockOf, frameOf, padded, preface, request, settings, uint32 } from '../../receive/support/http2-wire.ts';
import { changeBytes } from '../bytes.ts';
import { below, type Chance, pick, type Target } from '../target.ts';

const ends: readonly ((served: Served) => void)[] = [
  () => {},
  ({ stream }) => stream.respond(ok, true),
  (served) => answer(served, 'an answer'),
  ({ stream }) => stream.reset(8),
];

/** A connection from its first byte to its end; who serves it behaves as the length says. */
function run(input: Buffer): string {
  const peer = new Peer();
  peer.onHead = ends[input.length % 4];
  peer.onEnd = ends[(input.length >> 2) % 4];
  const piece = input.length % 3 === 0 ? input.length + 1 : 1 + (input.length % 501);
  let sentBytes = 0;
  const heard = (): void => {
    for (const { type, payload } of peer.frames()) {
      sentBytes += payload.length + 9;
      last = `${type}${type === 7 ? ` ${payload.readUInt32BE(4)}` : ''}`;
    }
  };
  let last = '';
  for (let at = 0; at < input.length; at += piece) {
    peer.send(input.subarray(at, at + piece));
    if (peer.connection.waitingBytes < 0) throw new Error('fewer than no bytes wait');
    heard();
  }
  for (const served of peer.served) answer(served, 'late');
  peer.connection.close();
  heard();
  if (peer.connection.waitingBytes !== 0) throw new Error(`${peer.connection.waitingBytes} bytes wait at the end`);
  if (peer.served.some(({ closed }) => closed !== 1)) throw new Error('a request that is not closed once');
  if (sentBytes > 1_000 + 12 * input.length) throw new Error(`${sentBytes} bytes of answers to ${input.length}`);
  return `${Math.min(3, peer.served.length)} served, ${peer.served.some(({ ended }) => ended) ? 'ended' : 'open'}, last ${last}`;
}

const whole = blockOf(request);
const small = (chance: Chance): Buffer => Buffer.alloc(below(12, chance), below(256, chance));
const idOf = (chance: Chance): number => pick([0, 1, 1, 1, 3, 3, 5, 7, 9, 2, 0x7fff_ffff], chance);

/** A frame that makes sense more often than not. */
function frame(chance: Chance): Uint8Array {
  const id = idOf(chance);
  const kind = below(24, chance);
  if (kind < 7) {
    const block = pick(
      [whole, whole, blockOf({ ...request, 'content-length': '4' }), blockOf({ a: 'b' }), small(chance)],
      chance,
    );
    return frameOf(1, id | 1, block, pick([4, 4, 5, 5, 0, 1, 0x24], chance));
  }
  if (kind < 13) return frameOf(0, id | 1, small(chance), below(2, chance));
  if (kind < 15) return frameOf(0, id | 1, padded(small(chance), below(20, chance)), 8);
  if (kind < 18) return frameOf(8, id, uint32(pick([0, 1, 5, 100, 0x7fff_ffff], chance)));
  if (kind < 20)
    return settings([pick([1, 2, 3, 4, 5, 6, 8, 99], chance), pick([0, 1, 5, 16_384, 65_535, 0x8000_0000], chance)]);
  if (kind === 20) return frameOf(3, id | 1, uint32(8));
  if (kind === 21) return frameOf(6, 0, Buffer.alloc(8), below(2, chance));
  if (kind === 22) return frameOf(9, id, small(chance), pick([0, 4], chance));
  return frameOf(below(12, chance), id, small(chance), below(256, chance), pick([0, 3, 9, 70_000], chance));
}

/** As far as they are whole. */
function framesIn(input: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = preface.length; at + 9 <= input.length; ) {
    const end = Math.min(input.length, at + 9 + input.readUIntBE(at, 3));
    frames.push(input.subarray(at, end));
    at = end;
  }
  return frames;
}

function change(parent: Buffer, chance: Chance): Buffer {
  if (chance() < 0.3) return changeBytes(parent, chance);
  const frames: Uint8Array[] = framesIn(parent);
  for (let n = 1 + below(4, chance); n > 0; n--)
    frames.splice(below(frames.length + 1, chance), below(2, chance), frame(chance));
  if (chance() < 0.02) frames.push(...new Array(below(4_000, chance)).fill(frame(chance)));
  return Buffer.concat([preface, ...frames]);
}

/** One HTTP/2 connection without a socket. */
export const http2Target: Target = {
  name: 'http2',
  budget: { cpuUs: 2_000, cpuUsPerByte: 1, memoryBytes: 4 * 2 ** 20, memoryBytesPerByte: 300 },
  maxBytes: 256 * 1024,
  seeds: () =>
    [
      [settings([4, 5])],
      [settings(), frameOf(1, 1, whole, 5)],
      [settings(), frameOf(1, 1, whole, 4), frameOf(0, 1, Buffer.from('body'), 1), frameOf(8, 0, uint32(9))],
      [
        settings(),
        frameOf(1, 1, whole.subarray(0, 9), 0),
        frameOf(9, 1, whole.subarray(9), 4),
        frameOf(6, 0, Buffer.alloc(8)),
      ],
    ].map((frames) => Buffer.concat([preface, ...frames])),
  change,
  run,
};
