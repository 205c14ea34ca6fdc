import { between, chance, logNormal, type Random } from './random.ts';
import type { Profile, Step } from './shapes.ts';

/** Milliseconds from the trace's first start. */
export interface Interval {
  start: number;
  duration: number;
}

/** The times of a trace's spans: its own duration first, then each child within its parent, give or take a clock. */
export function timeSteps(random: Random, steps: readonly Step[], profile: Profile): Interval[] {
  const main = mainChildren(random, steps);
  const times: Interval[] = [{ start: 0, duration: traceDuration(random, steps.length, profile) }];
  for (let i = 1; i < steps.length; i++) {
    const parent = times[steps[i].parent];
    times.push(place(random, parent, main.has(i)));
  }
  return times.map((time, i) => (zeroDuration(random, steps, i) ? { ...time, duration: 0 } : time));
}

/**
 * Calm: log-normal around 2.5 ms, and apart from it a tail of timeouts and long polls. Incident: 150 ms, one in ten
 * over a second.
 */
function traceDuration(random: Random, spans: number, profile: Profile): number {
  if (chance(random, 0.0005)) return 306_000;
  if (profile === 'incident') return logNormal(random, 150, 1.45);
  if (chance(random, 0.037)) return tailDuration(random);
  const many = Math.sqrt(Math.max(1, spans / 3));
  return Math.min(450, Math.max(0.009, logNormal(random, 2.2, 1.5) * many));
}

function tailDuration(random: Random): number {
  const kind = random();
  if (kind < 0.4) return between(random, 1000, 2000);
  if (kind < 0.8) return between(random, 2000, 5000);
  return kind < 0.9 ? between(random, 15_000, 15_050) : between(random, 30_000, 50_000);
}

/** In each span one child takes most of its time, so that slowness has a cause to be found. */
function mainChildren(random: Random, steps: readonly Step[]): Set<number> {
  const chosen = new Map<number, number>();
  steps.forEach((step, i) => {
    if (!chosen.has(step.parent) || chance(random, 0.3)) chosen.set(step.parent, i);
  });
  return new Set(chosen.values());
}

function place(random: Random, parent: Interval, main: boolean): Interval {
  const share = chance(random, 0.006) ? 1.3 : main ? between(random, 0.65, 0.98) : between(random, 0.01, 0.35);
  const duration = parent.duration * share;
  const slack = Math.max(0, parent.duration - duration);
  const skew = chance(random, 0.25) ? parent.duration * between(random, 0.02, 0.2) * (random() < 0.5 ? 1 : -1) : 0;
  const inside = parent.start + slack * random();
  if (skew === 0) return { start: inside, duration };
  return { start: skew < 0 ? parent.start + skew : parent.start + slack + skew, duration };
}

/** Clocks too coarse for the work: nginx always, leaves now and then. */
function zeroDuration(random: Random, steps: readonly Step[], index: number): boolean {
  if (steps[index].service.style === 'nginx') return true;
  const leaf = index === steps.length - 1 || steps[index + 1].parent !== index;
  return leaf && index > 0 && chance(random, 0.15);
}
