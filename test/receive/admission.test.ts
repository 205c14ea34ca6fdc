import { describe, expect, it } from 'vitest';
import { Admission, type Sender } from '../../src/receive/admission.ts';

const admission = (maxRequestBytes = 100, maxInflightBytes = 250, maxConnectionBytes = maxInflightBytes): Admission =>
  new Admission({ maxRequestBytes, maxInflightBytes, maxConnectionBytes });
const connection = (): Sender => ({ heldBytes: 0 });

describe('admission', () => {
  it('lets a request of the very limit come, and refuses one byte more for good', () => {
    const at = admission();
    expect(at.refuses(100, connection())).toBeUndefined();
    expect(at.refuses(101, connection())).toMatchObject({ reason: 'too_large', retryAfterMs: 0 });
    expect(at.limit(100)).toBeUndefined();
    expect(at.limit(101)).toMatchObject({ reason: 'too_large', retryAfterMs: 0 });
  });

  it('holds nothing for what is only announced', () => {
    const at = admission();
    for (let i = 0; i < 100; i++) expect(at.refuses(100, connection())).toBeUndefined();
    expect(at.inflightBytes).toBe(0);
  });

  it('fills up to the very budget, and asks to wait a second for one byte more', () => {
    const at = admission();
    const sender = connection();
    for (const bytes of [100, 100, 50]) expect(at.grow(bytes, sender, 0)).toBeUndefined();
    expect(at.grow(1, connection(), 0)).toMatchObject({ reason: 'inflight_full', retryAfterMs: 1000 });
    expect(at.refuses(1, connection())).toMatchObject({ reason: 'inflight_full', retryAfterMs: 1000 });
    at.leave(1, sender);
    expect(at.refuses(1, connection())).toBeUndefined();
    expect(at.grow(1, connection(), 0)).toBeUndefined();
    expect(at.inflightBytes).toBe(250);
  });

  it('counts what other shards have in flight, to the KiB', () => {
    const shared = new SharedArrayBuffer(4);
    const limits = { maxRequestBytes: 2048, maxInflightBytes: 8192, maxConnectionBytes: 8192 };
    const [one, other] = [new Admission(limits, shared), new Admission(limits, shared)];
    const sender = connection();
    expect(one.grow(7168, sender, 0)).toBeUndefined();
    expect(other.refuses(1024, connection())).toBeUndefined();
    expect(other.refuses(1025, connection())).toMatchObject({ reason: 'inflight_full' });
    expect(other.grow(1025, connection(), 0)).toMatchObject({ reason: 'inflight_full' });
    one.leave(7168, sender);
    expect(other.refuses(1025, connection())).toBeUndefined();
  });

  it('refuses for good what would not fit even alone, announced or grown', () => {
    expect(admission(500).refuses(251, connection())).toMatchObject({ reason: 'too_large', retryAfterMs: 0 });
    const at = admission();
    const sender = connection();
    expect(at.grow(200, sender, 0)).toBeUndefined();
    expect(at.grow(51, sender, 200)).toMatchObject({ reason: 'too_large', retryAfterMs: 0 });
  });

  it('gives one connection its share and no more, and others what is left', () => {
    const at = admission(100, 400, 100);
    const [greedy, other] = [connection(), connection()];
    expect(at.grow(60, greedy, 0)).toBeUndefined();
    expect(at.grow(40, greedy, 0)).toBeUndefined();
    const refusal = { reason: 'connection_full', retryAfterMs: 1000 };
    expect(at.grow(1, greedy, 40)).toMatchObject(refusal);
    expect(at.refuses(1, greedy)).toMatchObject(refusal);
    expect(at.refuses(100, other)).toBeUndefined();
    expect(at.grow(100, other, 0)).toBeUndefined();
    at.leave(60, greedy);
    expect(at.grow(1, greedy, 40)).toBeUndefined();
    expect([greedy.heldBytes, other.heldBytes, at.inflightBytes]).toEqual([41, 100, 141]);
  });

  it('lets a request alone on its connection go beyond the share: unpacked it may lie beside itself packed', () => {
    const at = admission(100, 400, 100);
    const sender = connection();
    expect(at.grow(90, sender, 0)).toBeUndefined();
    expect(at.grow(100, sender, 90)).toBeUndefined();
    expect(at.grow(1, sender, 0)).toMatchObject({ reason: 'connection_full' });
  });
});
