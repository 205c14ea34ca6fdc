import { between, chance, integer, type Random } from './random.ts';
import type { Profile, Step } from './shapes.ts';

/**
 * Which spans of a trace fail (indices). Calm: 0.7 % of the traces; incident: a third of them, in many places.
 * A failure starts deep and climbs, and mostly stops before the root: somebody retried, or answered 200 all the same.
 */
export function failures(random: Random, steps: readonly Step[], profile: Profile): Set<number> {
  const failed = new Set<number>();
  if (!chance(random, profile === 'calm' ? 0.007 : 0.35)) return failed;
  const origins = profile === 'calm' ? 1 : Math.max(1, Math.round(steps.length * between(random, 0.02, 0.18)));
  const reachesRoot = chance(random, 0.15);
  for (let i = 0; i < origins; i++) climb(random, steps, failed, reachesRoot);
  return failed;
}

function climb(random: Random, steps: readonly Step[], failed: Set<number>, reachesRoot: boolean): void {
  let at = integer(random, Math.floor(steps.length / 2), steps.length - 1);
  while (at >= 0) {
    failed.add(at);
    at = steps[at].parent;
    if (!reachesRoot && (at <= 0 || chance(random, 0.5))) return;
  }
}
