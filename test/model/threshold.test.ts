import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { adjustedCount, parseThreshold, reaches, thresholdOf } from '../../src/model/threshold.ts';

describe('a probability becomes a threshold', () => {
  // OpenTelemetry specification, "TraceState: Probability Sampling".
  it.each([
    [1, '0'],
    [0.99, '028f'],
    [0.9, '199a'],
    [0.75, '4'],
    [0.5, '8'],
    [1 / 3, 'aaab'],
    [0.25, 'c'],
    [0.1, 'e666'],
    [0.05, 'f3333'],
    [0.01, 'fd70a'],
    [0.001, 'ffbe77'],
    [1e-4, 'fff9724'],
    [1e-5, 'ffff583a'],
    [2 ** -56, 'ffffffffffffff'],
  ])('%d → %s', (probability, text) => {
    expect(thresholdOf(probability).text).toBe(text);
  });

  it.each([0, -0.1, 1.0001, 2 ** -57, Number.NaN])('refuses %d, which has none', (probability) => {
    expect(() => thresholdOf(probability)).toThrow(RangeError);
  });

  it('says how many traces a kept one stands for', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-6, max: 1, noNaN: true }), (probability) => {
        const { high, low } = thresholdOf(probability);
        expect(adjustedCount(high, low) * probability).toBeCloseTo(1, 3);
      }),
    );
  });
});

describe('a threshold as text', () => {
  it('comes back from its text', () => {
    fc.assert(
      fc.property(fc.nat(0xff_ffff), fc.nat({ max: 0xffff_ffff }), (high, low) => {
        const text = high.toString(16).padStart(6, '0') + low.toString(16).padStart(8, '0');
        expect(parseThreshold(text)).toMatchObject({ high, low });
        expect(parseThreshold(parseThreshold(text)!.text)).toMatchObject({ high, low });
      }),
    );
  });

  it.each(['', 'E666', 'g', '123456789012345', ' 8', '0x8'])('refuses %j', (text) => {
    expect(parseThreshold(text)).toBeNull();
  });
});

it('keeps randomness equal to the threshold and drops the one below', () => {
  expect(reaches(0x800000, 5, 0x800000, 5)).toBe(true);
  expect(reaches(0x800000, 4, 0x800000, 5)).toBe(false);
  expect(reaches(0x800001, 0, 0x800000, 5)).toBe(true);
  expect(reaches(0x7fffff, 9, 0x800000, 5)).toBe(false);
});
