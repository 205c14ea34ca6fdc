import { describe, expect, it } from 'vitest';
import { bar, ruler } from '../../../src/cli/obsctl/bars.ts';

describe('a bar', () => {
  it.each([
    ['the whole axis', 0, 100, '██████████'],
    ['the first half', 0, 50, '█████     '],
    ['a quarter in the middle, to half a cell', 25, 50, '  ▐██     '],
    ['an instant at the start', 0, 0, '▌         '],
    ['an instant at the end', 100, 100, '         ▐'],
    ['what begins before the axis and ends after it', -50, 150, '██████████'],
    ['what lies wholly behind it', 200, 300, '         ▐'],
  ])('shows %s', (_, from, to, cells) => {
    expect(bar(from, to, 100, 10)).toBe(cells);
  });

  it('is an instant where the axis has no length', () => {
    expect(bar(0, 0, 0, 4)).toBe('▌   ');
  });
});

describe('the ruler', () => {
  it('names the quarters where there is room, and always the end', () => {
    expect(ruler(4_000_000, 40)).toBe('0         1ms       2ms       3ms    4ms');
    expect(ruler(4_000_000, 24)).toBe('0           2ms      4ms');
    expect(ruler(4_000_000, 12)).toBe('0        4ms');
  });

  it('is as wide as it is told, whatever the labels', () => {
    for (const width of [12, 24, 40, 60]) expect(ruler(123_456_789, width)).toHaveLength(width);
  });
});
