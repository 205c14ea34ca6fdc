import { describe, expect, it } from 'vitest';
import { EventLimit } from '../../src/telemetry/event-limit.ts';

describe('EventLimit', () => {
  it('lets one event of a kind pass per interval and then tells how many it held back', () => {
    const limit = new EventLimit(10_000);
    expect([0, 1, 9_999].map((now) => limit.admit('export_failed', now))).toEqual([0, undefined, undefined]);
    expect([10_000, 19_999, 20_000].map((now) => limit.admit('export_failed', now))).toEqual([2, undefined, 1]);
  });

  it('limits each kind by itself', () => {
    const limit = new EventLimit(10_000);
    limit.admit('export_failed', 0);
    expect(limit.admit('rules_refused', 1)).toBe(0);
    expect(limit.admit('export_failed', 1)).toBeUndefined();
  });

  it('does not fall silent when the clock is set back', () => {
    const limit = new EventLimit(10_000);
    limit.admit('export_failed', 1_000_000);
    expect(limit.admit('export_failed', 500_000)).toBe(0);
  });
});
