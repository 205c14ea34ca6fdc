/** A source of numbers in [0, 1). Everything random in the demo is drawn from one, so a seed repeats a run. */
export type Random = () => number;

/** mulberry32: 32 bits of state, uniform enough for traffic. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export const chance = (random: Random, probability: number): boolean => random() < probability;

export const between = (random: Random, low: number, high: number): number => low + random() * (high - low);

export const integer = (random: Random, low: number, high: number): number =>
  low + Math.floor(random() * (high - low + 1));

export const pick = <T>(random: Random, items: readonly T[]): T => items[Math.floor(random() * items.length)];

/** Draws in proportion to `weight`. */
export function weighted<T extends { readonly weight: number }>(random: Random, items: readonly T[]): T {
  let rest = random() * items.reduce((sum, item) => sum + item.weight, 0);
  for (const item of items) if ((rest -= item.weight) < 0) return item;
  return items[items.length - 1];
}

/** Log-normal by its median and the standard deviation of its logarithm (Box and Muller). */
export function logNormal(random: Random, median: number, sigma: number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return median * Math.exp(sigma * normal);
}

/** `bytes` random bytes in lower-case hex, never all zero. */
export function hexId(random: Random, bytes: number): string {
  let id = '';
  for (let i = 0; i < bytes; i++)
    id += integer(random, i === 0 ? 1 : 0, 255)
      .toString(16)
      .padStart(2, '0');
  return id;
}
