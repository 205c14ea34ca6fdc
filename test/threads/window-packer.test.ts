import { expect, it } from 'vitest';
import { restMs } from '../../src/threads/window-packer.ts';

it('compresses for the window in the time that the path leaves', () => {
  expect(restMs(10, 0)).toBe(10);
  expect(restMs(10, 0.5)).toBe(10);
  expect(restMs(10, 0.75)).toBe(30);
  expect(restMs(10, 0.9)).toBeCloseTo(90);
});

it('has a twentieth of a core where the path wants all of it', () => {
  expect(restMs(10, 1)).toBeCloseTo(190);
  expect(restMs(10, 0.99)).toBeCloseTo(190);
});
