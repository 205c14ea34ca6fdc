import { describe, expect, it } from 'vitest';
import { type TimeFlags, timeRange } from '../../../src/cli/obsctl/time-range.ts';

const now = Date.parse('2026-11-25T17:00:00Z');
const hour = 3_600_000;

describe('the time that is searched', () => {
  it.each([
    [{}, now - hour, now],
    [{ last: '30m' }, now - hour / 2, now],
    [{ last: '7d' }, now - 168 * hour, now],
    [{ last: '100y' }, 0, now],
    [{ since: '100y' }, 0, now],
    [{ since: '2h' }, now - 2 * hour, now],
    [{ since: 'now-90m', until: 'now-1h' }, now - 1.5 * hour, now - hour],
    [{ until: '1h' }, now - 2 * hour, now - hour],
    [{ since: '2026-11-25T16:00:00Z', until: 'now' }, now - hour, now],
    [{ since: '2026-11-25T18:00:00+02:00' }, now - hour, now],
    [{ since: String(now / 1000 - 60) }, now - 60_000, now],
    [{ since: String(now - 1) }, now - 1, now],
  ] as [TimeFlags, number, number][])('%j', (flags, from, to) => {
    expect(timeRange(flags, now)).toEqual({ from, to });
  });

  it('takes a time without a zone for local time, with or without the hour', () => {
    const { from, to } = timeRange({ since: '2026-11-24', until: '2026-11-24 09:30' }, now);
    expect([from, to]).toEqual([new Date(2026, 10, 24).getTime(), new Date(2026, 10, 24, 9, 30).getTime()]);
  });

  it.each([
    [{ last: '30' }, /--last 30: expected a duration/],
    [{ last: '0' }, /--last 0: expected a duration/],
    [{ last: '1h', since: '2h' }, /leave --since and --until out/],
    [{ since: 'yesterday' }, /--since yesterday: expected a time/],
    [{ until: '2026-13-01T00:00:00Z' }, /--until 2026-13-01T00:00:00Z: expected a time/],
    [{ since: '1h', until: '2h' }, /--since must lie before --until/],
  ] as [TimeFlags, RegExp][])('refuses %j', (flags, message) => {
    expect(() => timeRange(flags, now)).toThrow(message);
  });
});
