import { below, type Chance, pick } from './target.ts';

const edges = [0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x22, 0x5b, 0x7b];

type Change = (input: Buffer, chance: Chance) => Buffer;

const randomBytes = (length: number, chance: Chance): Buffer =>
  Buffer.from(Array.from({ length }, () => below(256, chance)));

/** Two places in it, in order. */
function range({ length }: Buffer, chance: Chance): [number, number] {
  const from = below(length + 1, chance);
  return [from, Math.min(length, from + below(pick([4, 16, 64, length], chance), chance))];
}

const put = (input: Buffer, from: number, to: number, ...middle: readonly Buffer[]): Buffer =>
  Buffer.concat([input.subarray(0, from), ...middle, input.subarray(to)]);

const changes: readonly Change[] = [
  (input, chance) => {
    const copy = Buffer.from(input);
    for (let n = 1 + below(4, chance); n > 0 && copy.length > 0; n--)
      copy[below(copy.length, chance)] ^= 1 << below(8, chance);
    return copy;
  },
  (input, chance) => {
    const copy = Buffer.from(input);
    if (copy.length > 0) copy[below(copy.length, chance)] = pick(edges, chance);
    return copy;
  },
  (input, chance) => put(input, ...range(input, chance)),
  (input, chance) => {
    const [from, to] = range(input, chance);
    return put(input, to, to, input.subarray(from, to));
  },
  (input, chance) => {
    const at = below(input.length + 1, chance);
    return put(input, at, at, randomBytes(1 + below(8, chance), chance));
  },
  (input, chance) => input.subarray(0, below(input.length + 1, chance)),
  (input, chance) => {
    const [from, to] = range(input, chance);
    const [otherFrom, otherTo] = range(input, chance);
    return put(input, from, to, input.subarray(otherFrom, otherTo));
  },
];

/** One to three changes that know nothing of what it is; `words` are put in here and there. */
export function changeBytes(input: Buffer, chance: Chance, words: readonly (string | Buffer)[] = []): Buffer {
  let changed = input;
  for (let n = 1 + below(3, chance); n > 0; n--) {
    if (words.length === 0 || chance() < 0.5) changed = pick(changes, chance)(changed, chance);
    else {
      const [from, to] = range(changed, chance);
      changed = put(changed, from, chance() < 0.5 ? from : to, Buffer.from(pick(words, chance) as string));
    }
  }
  return changed;
}

/** Some of it over and over, to find what costs more than its length: up to `maxBytes` in all. */
export function swell(input: Buffer, chance: Chance, maxBytes: number): Buffer {
  const [from, to] = range(input, chance);
  if (to === from) return input;
  const room = Math.max(0, maxBytes - input.length);
  const times = Math.floor((room * chance() ** 3) / (to - from));
  return put(input, to, to, Buffer.alloc(times * (to - from), input.subarray(from, to)));
}
