import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { adjustedCount } from '../../src/model/threshold.ts';
import { atRest, climb, floorOf, type Ladder, type Pressure } from '../../src/shard/overload.ts';

const calm: Pressure = { memory: 0, inflight: 0, exportQueue: 0, loopDelayMs: 10 };

/** The ladder after so many looks, ten a second, at the same pressure. */
function after(seconds: number, pressure: Partial<Pressure>, from: Ladder = atRest, since = 1_000): Ladder {
  let ladder = from;
  for (let ms = 0; ms <= seconds * 1000; ms += 100) ladder = climb(ladder, { ...calm, ...pressure }, since + ms);
  return ladder;
}

describe('the ladder', () => {
  it.each<[string, Partial<Pressure>, number, string]>([
    ['stands on the ground', {}, 0, ''],
    ['decides complete traces early', { memory: 0.8 }, 1, '80 % of buffer.max_bytes taken'],
    ['decides the oldest', { memory: 0.9 }, 2, '90 % of buffer.max_bytes taken'],
    ['samples harder for an exporter', { exportQueue: 0.76 }, 3, '76 % of an export queue taken'],
    ['samples harder for the loop', { loopDelayMs: 400 }, 3, 'the event loop is held up by 400 ms'],
    ['refuses for memory', { memory: 0.99 }, 4, '99 % of buffer.max_bytes taken'],
    ['refuses for what is under way', { inflight: 0.9 }, 4, '90 % of receive.max_inflight_bytes taken'],
    ['refuses for the loop', { loopDelayMs: 801.4 }, 4, 'the event loop is held up by 801 ms'],
    ['the highest counts', { memory: 0.85, exportQueue: 1 }, 3, '100 % of an export queue taken'],
  ])('%s', (_, pressure, rung, cause) => {
    expect(climb(atRest, { ...calm, ...pressure }, 1_000)).toMatchObject({ rung, cause });
  });

  it('is left two seconds after the last of its pressure, for where it belongs by then', () => {
    const high = after(0, { memory: 1 });
    expect(after(1.9, { memory: 0.75 }, high, 1_000).rung).toBe(4);
    expect(after(2, { memory: 0.75 }, high, 1_000)).toMatchObject({ rung: 1, cause: '75 % of buffer.max_bytes taken' });
    expect(after(2, {}, high, 1_000)).toMatchObject({ rung: 0, cause: '' });
  });

  it('is not left for a moment of calm, nor for pressure between its two marks', () => {
    let ladder = after(0, { memory: 0.9 });
    for (let i = 0; i < 10; i++) {
      ladder = after(1.5, { memory: 0.1 }, ladder, 1_100 + i * 2_000);
      ladder = after(0.2, { memory: 0.81 }, ladder, 2_700 + i * 2_000);
    }
    expect(ladder.rung).toBe(2);
  });

  it('halves what is kept each second that it is not enough, to one in 1,024, and stays there between its marks', () => {
    expect(after(0, { exportQueue: 0.8 }).floorBits).toBe(1);
    expect(after(3, { exportQueue: 0.8 }).floorBits).toBe(4);
    const harder = after(60, { exportQueue: 0.8 });
    expect(adjustedCount(floorOf(harder).high, floorOf(harder).low)).toBe(1024);
    expect(after(60, { exportQueue: 0.6 }, harder, 62_000).floorBits).toBe(10);
    expect(after(2, { exportQueue: 0.4 }, harder, 62_000)).toMatchObject({ rung: 0, floorBits: 0 });
  });

  it('is back on the ground within three seconds whatever came before', () => {
    const pressure = fc.record({
      memory: fc.double({ min: 0, max: 1.2, noNaN: true }),
      inflight: fc.double({ min: 0, max: 1.2, noNaN: true }),
      exportQueue: fc.double({ min: 0, max: 1.2, noNaN: true }),
      loopDelayMs: fc.double({ min: 0, max: 5_000, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(pressure, fc.nat(5_000)), { maxLength: 30 }), (looks) => {
        let now = 1_000;
        let ladder = atRest;
        for (const [it, ms] of looks) ladder = climb(ladder, it, (now += ms));
        for (let i = 0; i < 30; i++) ladder = climb(ladder, calm, (now += 100));
        expect(ladder).toMatchObject({ rung: 0, cause: '', floorBits: 0 });
      }),
    );
  });
});
