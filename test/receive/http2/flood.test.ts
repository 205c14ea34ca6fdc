import { describe, expect, it } from 'vitest';
import { answer, greeted, ok } from '../support/http2-peer.ts';
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
  request,
  reset,
  settings,
  windowUpdate,
} from '../support/http2-wire.ts';

const whole = END_HEADERS | END_STREAM;

describe('a flood', () => {
  const calm = /^GOAWAY last=[0-9]+ ENHANCE_YOUR_CALM$/;
  const floods: [what: string, most: number, before: readonly Uint8Array[], frame: (i: number) => Uint8Array[]][] = [
    ['pings', 3000, [], () => [ping()]],
    ['acknowledged pings', 3000, [], () => [ping(undefined, ACK)]],
    ['settings', 3000, [], () => [settings()]],
    ['unknown frames', 3000, [], () => [frameOf(99, 0, Buffer.alloc(0))]],
    ['priorities', 3000, [], (i) => [frameOf(2, i * 2 + 1, Buffer.alloc(5))]],
    ['windows of one byte', 3000, [], () => [windowUpdate(0, 1)]],
    ['windows of streams that are over', 3000, [headers(1), reset(1)], () => [windowUpdate(1, 1)]],
    ['empty data', 3000, [headers(1)], () => [data(1)]],
    ['data that is all padding', 3000, [headers(1)], () => [frameOf(0, 1, padded('', 255), PADDED)]],
    [
      'data that is nothing but the length of no padding',
      3000,
      [headers(1)],
      () => [frameOf(0, 1, padded('', 0), PADDED)],
    ],
    ['empty continuations', 3000, [headers(1, blockOf(request), 0)], () => [frameOf(9, 1, Buffer.alloc(0))]],
    ['requests that are reset at once', 1000, [], (i) => [headers(i * 2 + 1), reset(i * 2 + 1)]],
    ['requests that break a rule', 750, [], (i) => [headers(i * 2 + 1), windowUpdate(i * 2 + 1, 0)]],
    ['data behind the end of requests', 1000, [], (i) => [headers(i * 2 + 1, undefined, whole), data(i * 2 + 1, 'x')]],
    ['malformed requests', 1000, [], (i) => [headers(i * 2 + 1, blockOf({}), whole)]],
    ['resets of one request that is over', 1000, [headers(1), reset(1)], () => [reset(1)]],
  ];

  it.each(floods)('of %s is borne for a while, and then it is over', (_what, most, before, frame) => {
    const peer = greeted();
    peer.send(...before);
    let borne = 0;
    for (; borne <= 2 * most && peer.finished === 0; borne++) peer.send(...frame(borne));
    expect(borne).toBeGreaterThan(most - 5);
    expect(borne).toBeLessThan(most + 5);
    expect(peer.heard().at(-1)).toMatch(calm);
  });

  it('of headers without end is over when they are more than anybody needs', () => {
    const peer = greeted();
    peer.send(headers(1, Buffer.alloc(16_384), 0));
    for (let i = 0; i < 3; i++) peer.send(frameOf(9, 1, Buffer.alloc(16_384)));
    expect(peer.heard()).toEqual([]);
    peer.send(frameOf(9, 1, Buffer.alloc(1)));
    expect(peer.heard()).toEqual([expect.stringMatching(calm)]);
  });

  it('is forgiven in time', () => {
    const peer = greeted();
    const many = (count: number) => Array.from({ length: count }, () => ping());
    peer.send(...many(2990));
    peer.now += 1000;
    peer.send(...many(100));
    expect(peer.finished).toBe(0);
    peer.now += 3600_000;
    peer.send(...many(3000));
    expect(peer.finished).toBe(0);
    peer.send(...many(100));
    expect(peer.finished).toBe(1);
  });

  it('is not what it looks like when a clock is set back', () => {
    const peer = greeted();
    const many = (count: number) => Array.from({ length: count }, () => ping());
    peer.send(...many(2990));
    peer.now += 2000;
    peer.send(...many(150));
    peer.now -= 3600_000;
    peer.send(...many(50));
    peer.now += 1000;
    peer.send(...many(50));
    expect(peer.finished).toBe(0);
  });
});

describe('an honest client is left alone', () => {
  it('that pings and opens windows with each of 100,000 requests', () => {
    const peer = greeted();
    peer.onEnd = (served) => answer(served);
    const block = blockOf(request);
    for (let i = 0, id = 1; i < 100_000; i++, id += 2) {
      peer.send(headers(id, block), data(id, 'text', END_STREAM), ping(), windowUpdate(0, 5), windowUpdate(id, 5));
      if (i % 1000 === 0) {
        peer.frames();
        peer.served.length = 0;
      }
    }
    expect(peer.finished).toBe(0);
    expect(peer.connection.streams.size).toBe(0);
  });

  it('that pings every 10 s, all day', () => {
    const peer = greeted();
    for (let i = 0; i < 8640; i++) {
      peer.now += 10_000;
      peer.send(ping());
    }
    expect(peer.heard()).toHaveLength(8640);
    expect(peer.finished).toBe(0);
  });

  it('that gives up 30 requests a second, for an hour', () => {
    const peer = greeted();
    for (let i = 0, id = 1; i < 3600; i++) {
      for (let j = 0; j < 30; j++, id += 2) peer.send(headers(id), reset(id));
      peer.now += 1000;
    }
    expect(peer.finished).toBe(0);
  });

  it('that gives up a thousand requests at once, when their time is over', () => {
    const peer = greeted();
    const ids = Array.from({ length: 999 }, (_, i) => 2 * i + 1);
    peer.send(...ids.map((id) => headers(id, undefined, whole)));
    peer.send(...ids.map((id) => reset(id)));
    expect(peer.finished).toBe(0);
    expect(peer.connection.streams.size).toBe(0);
  });

  it('that is refused early, and resets each of 10,000 calls as grpc-go does', () => {
    const peer = greeted();
    peer.onHead = ({ stream }) => stream.respond(ok, true);
    for (let i = 0, id = 1; i < 10_000; i++, id += 2) peer.send(headers(id), data(id, 'begun'), reset(id, 0));
    expect(new Set(peer.heard().map((words) => words.replace(/\d+/, '')))).toEqual(
      new Set(['HEADERS  :status=200 end', 'RST_STREAM  NO_ERROR']),
    );
    expect(peer.finished).toBe(0);
  });
});
