import { describe, expect, it } from 'vitest';
import { Admission } from '../../src/receive/admission.ts';

const admission = (maxRequestBytes = 100, maxInflightBytes = 250): Admission =>
  new Admission({ maxRequestBytes, maxInflightBytes });

describe('admission', () => {
  it('takes a request of the very limit, and refuses one byte more for good', () => {
    const at = admission();
    expect(at.enter(100)).toBeUndefined();
    expect(at.enter(101)).toMatchObject({ reason: 'too_large', retryAfterMs: 0 });
    expect(at.inflightBytes).toBe(100);
  });

  it('fills up to the very budget, and asks to wait a second for one byte more', () => {
    const at = admission();
    for (const bytes of [100, 100, 50]) expect(at.enter(bytes)).toBeUndefined();
    expect(at.enter(1)).toMatchObject({ reason: 'inflight_full', retryAfterMs: 1000 });
    at.leave(1);
    expect(at.enter(1)).toBeUndefined();
    expect(at.inflightBytes).toBe(250);
  });

  it('counts a message that grows by what is added, and limits it by what it has become', () => {
    const at = admission();
    at.enter(10);
    expect(at.grow(60, 60)).toBeUndefined();
    expect(at.grow(40, 100)).toBeUndefined();
    expect(at.grow(1, 101)).toMatchObject({ reason: 'too_large' });
    expect(at.inflightBytes).toBe(110);
  });

  it('refuses for good what would not fit even alone', () => {
    expect(admission(500).enter(251)).toMatchObject({ reason: 'too_large', retryAfterMs: 0 });
  });
});
