import { expect, it } from 'vitest';
import { localTime } from '../../../src/cli/obsctl/local-time.ts';

it('tells local time, with its milliseconds and offset where it matters', () => {
  const summer = Date.parse('2026-07-01T23:30:05.007Z');
  expect(localTime(summer, 'UTC')).toBe('2026-07-01 23:30:05');
  expect(localTime(summer, 'Europe/Berlin')).toBe('2026-07-02 01:30:05');
  expect(localTime(summer, 'UTC', true)).toBe('2026-07-01 23:30:05.007 +00:00');
  expect(localTime(summer, 'Asia/Kolkata', true)).toBe('2026-07-02 05:00:05.007 +05:30');
});
