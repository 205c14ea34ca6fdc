import { expect, it } from 'vitest';
import { timeOf } from '../../src/forward/time-of.ts';
import { mostVisits } from '../../src/route/fleet-path.ts';

it('what is passed on is over before whoever sent it gives the call up, also where one member after it hangs', () => {
  for (const timeoutMs of [100, 101, 5_000, 5_001, 60_000]) {
    for (let hops = 0; hops <= mostVisits; hops++) {
      const visited = (n: number) => Array(n).fill('a');
      const call = timeOf(timeoutMs, visited(hops)).oneCallMs;
      const next = timeOf(timeoutMs, visited(hops + 1));
      expect(next.inAllMs).toBeLessThan(call);
      expect(next.oneCallMs).toBeLessThanOrEqual(Math.max(1, next.inAllMs));
      // Timers of others throw for what is no whole number.
      expect(AbortSignal.timeout(call).aborted).toBe(false);
    }
  }
  expect(timeOf(5_000, [])).toEqual({ inAllMs: 5_000, oneCallMs: 2_500 });
  expect(timeOf(5_000, ['b', 'c'])).toEqual({ inAllMs: 1_350, oneCallMs: 900 });
});
