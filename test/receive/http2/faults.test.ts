import { describe, expect, it } from 'vitest';
import { answer, greeted, Peer } from '../support/http2-peer.ts';
import {
  ACK,
  blockOf,
  data,
  END_HEADERS,
  END_STREAM,
  frameOf,
  headers,
  PADDED,
  ping,
  preface,
  request,
  reset,
  settings,
  uint32,
  windowUpdate,
} from '../support/http2-wire.ts';

const whole = END_HEADERS | END_STREAM;

describe('a client that breaks the rules of the connection', () => {
  const open = headers(1);
  const closed = [headers(1), reset(1)];
  it.each<[what: string, code: string, frames: readonly Uint8Array[]]>([
    ['sends data on stream 0', 'PROTOCOL_ERROR', [data(0, 'x')]],
    ['sends data for a request that never was', 'PROTOCOL_ERROR', [data(1, 'x')]],
    ['sends data for a request that it reset', 'STREAM_CLOSED', [...closed, data(1, 'x')]],
    ['sends headers on stream 0', 'PROTOCOL_ERROR', [headers(0)]],
    ['sends headers on a stream of ours', 'PROTOCOL_ERROR', [headers(2)]],
    ['sends headers for a request that it reset', 'STREAM_CLOSED', [...closed, open]],
    ['goes back with its streams', 'STREAM_CLOSED', [headers(3), open]],
    ['puts a frame into the middle of headers', 'PROTOCOL_ERROR', [headers(1, blockOf(request), 0), ping()]],
    ['puts data into the middle of headers', 'PROTOCOL_ERROR', [open, headers(3, blockOf(request), 0), data(1)]],
    [
      'puts an unknown frame into the middle of headers',
      'PROTOCOL_ERROR',
      [headers(1, undefined, 0), frameOf(99, 0, uint32(0))],
    ],
    ['continues headers of another stream', 'PROTOCOL_ERROR', [headers(1, undefined, 0), frameOf(9, 3, uint32(0))]],
    ['continues nothing', 'PROTOCOL_ERROR', [open, frameOf(9, 1, uint32(0))]],
    ['pads headers beyond their end', 'PROTOCOL_ERROR', [frameOf(1, 1, Buffer.from([9, 0]), END_HEADERS | PADDED)]],
    [
      'pads headers without saying how much',
      'FRAME_SIZE_ERROR',
      [frameOf(1, 1, Buffer.alloc(0), END_HEADERS | PADDED)],
    ],
    ['leaves out the priority it announced', 'FRAME_SIZE_ERROR', [frameOf(1, 1, uint32(0), END_HEADERS | 0x20)]],
    ['sends headers that cannot be decoded', 'COMPRESSION_ERROR', [headers(1, Buffer.from([0x80]))]],
    ['sends a priority on stream 0', 'PROTOCOL_ERROR', [frameOf(2, 0, Buffer.alloc(5))]],
    ['sends a priority of 4 bytes', 'FRAME_SIZE_ERROR', [frameOf(2, 1, Buffer.alloc(4))]],
    ['makes a stream depend on itself', 'PROTOCOL_ERROR', [frameOf(2, 1, Buffer.from([0, 0, 0, 1, 16]))]],
    ['resets stream 0', 'PROTOCOL_ERROR', [reset(0)]],
    ['resets what never was', 'PROTOCOL_ERROR', [reset(1)]],
    ['resets a stream of ours', 'PROTOCOL_ERROR', [headers(3), reset(2)]],
    ['resets in 3 bytes', 'FRAME_SIZE_ERROR', [open, frameOf(3, 1, Buffer.alloc(3))]],
    ['sends settings on a stream', 'PROTOCOL_ERROR', [open, frameOf(4, 1, Buffer.alloc(0))]],
    ['sends settings of 7 bytes', 'FRAME_SIZE_ERROR', [frameOf(4, 0, Buffer.alloc(7))]],
    ['acknowledges settings with more', 'FRAME_SIZE_ERROR', [frameOf(4, 0, Buffer.alloc(6), ACK)]],
    ['wants pushes twice', 'PROTOCOL_ERROR', [settings([2, 2])]],
    ['wants a window beyond all', 'FLOW_CONTROL_ERROR', [settings([4, 2 ** 31])]],
    ['wants frames too small', 'PROTOCOL_ERROR', [settings([5, 16_383])]],
    ['wants frames too large', 'PROTOCOL_ERROR', [settings([5, 2 ** 24])]],
    [
      'widens all windows too far',
      'FLOW_CONTROL_ERROR',
      [open, windowUpdate(1, 2 ** 31 - 65_536), settings([4, 65_536])],
    ],
    ['pushes', 'PROTOCOL_ERROR', [open, frameOf(5, 1, uint32(2), END_HEADERS)]],
    ['pings on a stream', 'PROTOCOL_ERROR', [open, frameOf(6, 1, Buffer.alloc(8))]],
    ['pings with 7 bytes', 'FRAME_SIZE_ERROR', [frameOf(6, 0, Buffer.alloc(7))]],
    ['goes away on a stream', 'PROTOCOL_ERROR', [open, frameOf(7, 1, Buffer.alloc(8))]],
    ['goes away in 7 bytes', 'FRAME_SIZE_ERROR', [frameOf(7, 0, Buffer.alloc(7))]],
    ['opens the window by nothing', 'PROTOCOL_ERROR', [windowUpdate(0, 0)]],
    ['opens the window too far', 'FLOW_CONTROL_ERROR', [windowUpdate(0, 2 ** 31 - 1)]],
    ['opens a window in 3 bytes', 'FRAME_SIZE_ERROR', [frameOf(8, 0, Buffer.alloc(3))]],
    ['opens the window of what never was', 'PROTOCOL_ERROR', [windowUpdate(1, 1)]],
    ['opens the window of a stream of ours', 'PROTOCOL_ERROR', [headers(3), windowUpdate(2, 1)]],
    ['sends a frame beyond the limit', 'FRAME_SIZE_ERROR', [frameOf(0, 1, Buffer.alloc(0), 0, 16_385)]],
  ])('that %s is told so, and it is over', (_what, code, frames) => {
    const peer = greeted();
    peer.send(...frames, ping());
    const heard = peer.heard().filter((words) => !/^SETTINGS ack/.test(words));
    expect(heard).toEqual([expect.stringMatching(`^GOAWAY last=[0-9]+ ${code}$`)]);
    expect(peer.finished).toBe(1);
    expect(peer.served.every(({ closed }) => closed === 1)).toBe(true);
    peer.send(ping(), open);
    expect(peer.heard()).toEqual([]);
  });

  it.each([
    ['anything but settings', [preface, ping()]],
    ['an acknowledgement', [preface, frameOf(4, 0, Buffer.alloc(0), ACK)]],
    ['data', [preface, data(1, 'x')]],
    ['an unknown frame', [preface, frameOf(99, 0, Buffer.alloc(0))]],
    ['HTTP/1', [Buffer.from('POST /v1/traces HTTP/1.1\r\n')]],
  ])('by beginning with %s is told so', (_what, frames) => {
    const peer = new Peer(...frames);
    expect(peer.heard().slice(2)).toEqual(['GOAWAY last=0 PROTOCOL_ERROR']);
    expect(peer.finished).toBe(1);
  });
});

describe('a client that breaks the rules of one request', () => {
  it.each<[what: string, code: string, frames: readonly Uint8Array[]]>([
    ['sends data behind the end', 'STREAM_CLOSED', [headers(1, undefined, whole), data(1, 'x')]],
    ['sends headers behind the end', 'STREAM_CLOSED', [headers(1, undefined, whole), headers(1, undefined, whole)]],
    ['opens its window by nothing', 'PROTOCOL_ERROR', [headers(1), windowUpdate(1, 0)]],
    ['opens its window too far', 'FLOW_CONTROL_ERROR', [headers(1), windowUpdate(1, 2 ** 31 - 1)]],
  ])('and %s loses that one alone', (_what, code, frames) => {
    const peer = greeted();
    peer.onEnd = (served) => served.body === 'other' && answer(served);
    peer.send(...frames, headers(3), data(3, 'other', END_STREAM));
    const others = ['HEADERS 3 :status=200', 'DATA 3 hello', 'HEADERS 3 grpc-status=0 end'];
    expect(peer.heard()).toEqual([`RST_STREAM 1 ${code}`, ...others]);
    expect(peer.served[0].closed).toBe(1);
  });
});
