import { expect, it } from 'vitest';
import { timeOf } from '../../src/forward/time-of.ts';
import { mostVisits } from '../../src/route/fleet-path.ts';

it('what is passed on is over before whoever sent it gives the call up, also where one member after it hangs', () => {
  for (const timeoutMs of [100, 5_000, 60_000]) {
    for (let hops = 0; hops < mostVisits; hops++) {
      const visited = (n: number) => Array(n).fill('a');
      const call = timeOf(timeoutMs, visited(hops)).oneCallMs;
      const next = timeOf(timeoutMs, visited(hops + 1));
      expect(next.inAllMs).toBeLessThan(call);
      expect(next.oneCallMs).toBeLessThan(next.inAllMs);
    }
  }
  expect(timeOf(5_000, [])).toEqual({ inAllMs: 5_000, oneCallMs: 2_500 });
});
