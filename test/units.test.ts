import { describe, expect, it } from 'vitest';
import { closest, parseDuration, parseSize } from '../src/units.ts';

describe('a duration', () => {
  it.each([
    ['500ms', 500],
    ['15s', 15_000],
    ['2m', 120_000],
    ['1m30s', 90_000],
    ['1.5s', 1_500],
    ['24h', 86_400_000],
    ['0s', 0],
    ['0', 0],
    [0, 0],
  ])('%s is %i milliseconds', (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each(['15', 15, '15 s', 's', '-1s', '1d', '1s ', '', null, undefined, '1e3s', '10us'])('%j is none', (text) =>
    expect(parseDuration(text)).toBeUndefined(),
  );
});

describe('a size', () => {
  it.each([
    ['64MiB', 64 * 2 ** 20],
    ['5MB', 5_000_000],
    ['1.5GiB', 1.5 * 2 ** 30],
    ['64 KiB', 65_536],
    ['10B', 10],
    ['536870912', 536_870_912],
    [536_870_912, 536_870_912],
  ])('%s is %i bytes', (text, bytes) => expect(parseSize(text)).toBe(bytes));

  it.each(['64M', '64mb', 'MiB', '-1', -1, 1.5, '', null, undefined, '1e9'])('%j is none', (text) =>
    expect(parseSize(text)).toBeUndefined(),
  );
});

describe('the name that was probably meant', () => {
  const known = ['decision_wait', 'decision_wait_after_root', 'max_bytes', 'on_full'];

  it.each([
    ['decision_wiat', 'decision_wait'],
    ['decisionWait', 'decision_wait'],
    ['max-bytes', 'max_bytes'],
    ['onfull', 'on_full'],
  ])('%s: %s', (slip, meant) => expect(closest(slip, known)).toBe(meant));

  it('is none where nothing is near', () => expect(closest('tls', known)).toBeUndefined());
});
