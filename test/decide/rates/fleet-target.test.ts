import { describe, expect, it } from 'vitest';
import { decide, undecided } from '../../../src/decide/decide.ts';
import { AdaptiveRates } from '../../../src/decide/rates/adaptive-rates.ts';
import { TokenBucket } from '../../../src/decide/rates/token-bucket.ts';
import { PolicyMemory } from '../../../src/decide/state.ts';
import { factsOfSpans } from '../../support/facts.ts';
import { random } from '../../support/random.ts';
import { compiled } from '../../support/story.ts';

/** Gateways that share a target; each has memory of its own, and of the others only how many they are. */
const gateways = (count: number, share: Int32Array | undefined, rate: number, capacity: number): TokenBucket[] =>
  Array.from({ length: count }, () => new TokenBucket(new Int32Array(1), rate, capacity, share));

/** Traces that come to one gateway or another, as ownership spreads them; the spans that are kept of them. */
function kept(
  each: readonly TokenBucket[],
  traces: { perSecond: number; seconds: number; spans: number; fromMs: number },
): number {
  const next = random(each.length);
  let sum = 0;
  for (let i = 0; i < traces.perSecond * traces.seconds; i++) {
    const spans = 1 + Math.floor(next() * traces.spans);
    const gateway = each[Math.floor(next() * each.length)];
    if (gateway.take(0, spans, traces.fromMs + (1000 * i) / traces.perSecond)) sum += spans;
  }
  return sum;
}

const [rate, capacity, seconds, spans] = [100, 200, 600, 40];
const traffic = { perSecond: 50, seconds, spans, fromMs: 1_000_000 };

describe('a limit of the whole fleet', () => {
  it.each([1, 2, 5, 20])(
    'is kept to in sum by %i gateways, though half of the traces are larger than a part',
    (count) => {
      const sum = kept(gateways(count, Int32Array.of(count), rate, capacity), traffic);
      // A part that is full while nothing comes loses what would have come to it then.
      expect(sum).toBeGreaterThan(0.9 * rate * seconds);
      expect(sum).toBeLessThanOrEqual(rate * seconds + capacity + count * spans);
    },
  );

  it('is each gateway’s where the rules say so', () => {
    const sum = kept(gateways(5, undefined, rate, capacity), { ...traffic, perSecond: 250 });
    expect(sum).toBeGreaterThan(0.95 * 5 * rate * seconds);
  });

  it('is kept to while gateways come and go', () => {
    const share = Int32Array.of(5);
    const all = gateways(5, share, rate, capacity);
    let sum = 0;
    for (const [i, count] of [5, 4, 3, 5].entries()) {
      share[0] = count;
      const each = { ...traffic, seconds: 150, fromMs: traffic.fromMs + i * 150_000 };
      sum += kept(all.slice(0, count), each);
    }
    expect(sum).toBeGreaterThan(0.95 * rate * seconds);
    // Who comes back has a full part.
    expect(sum).toBeLessThanOrEqual(rate * seconds + 2 * capacity + 9 * spans);
  });

  it('lets a trace as large as the whole pass a gateway’s part, and none before that is paid', () => {
    const [bucket] = gateways(1, Int32Array.of(10), rate, capacity);
    expect(bucket.take(0, capacity, 0)).toBe(true);
    // It had a tenth of 200, owes 180 and gets 10 a second.
    expect(bucket.take(0, 1, 18_000)).toBe(false);
    expect(bucket.take(0, 1, 18_200)).toBe(true);
    expect(bucket.take(0, capacity + 1, 1e6)).toBe(false);
    bucket.giveBack(0, 1);
  });

  it('is whole for one alone, and where nobody has said how many there are', () => {
    for (const share of [Int32Array.of(0), Int32Array.of(1), undefined]) {
      const [bucket] = gateways(1, share, rate, capacity);
      expect(bucket.take(0, capacity, 0)).toBe(true);
      expect(bucket.take(0, rate, 1_000)).toBe(true);
    }
  });
});

it('an adaptive target of the fleet is kept to in sum, by key', () => {
  const share = Int32Array.of(4);
  const options = { target: { perSecond: 100 }, intervalMs: 15_000, weight: 0.5, keys: 100 };
  const each = Array.from(
    { length: 4 },
    () => new AdaptiveRates(new Int32Array(AdaptiveRates.words(100)), options, share),
  );
  const next = random(1);
  const sums = [0, 0, 0];
  const perSecond = [2000, 400, 40];
  for (let ms = 0; ms < 240_000; ms++)
    for (const [key, of] of perSecond.entries())
      for (let n = of / 1000; n > 0 && next() < n; n--) {
        const rates = each[Math.floor(next() * 4)];
        rates.ask(key + 1, 1, 1_000_000 + ms);
        const threshold = (rates.thresholdHigh * 2 ** 32 + rates.thresholdLow) / 2 ** 56;
        if (next() >= threshold && ms >= 120_000) sums[key]++;
      }
  const total = sums.reduce((a, b) => a + b, 0) / 120;
  expect(total).toBeGreaterThan(85);
  expect(total).toBeLessThan(115);
  // What is rare has the better chance, as with one gateway.
  expect(sums[2] / (40 * 120)).toBeGreaterThan(2 * (sums[0] / (2000 * 120)));
});

describe('rare, in a fleet of four', () => {
  const gatewaysWith = (block: object) =>
    Array.from({ length: 4 }, () => {
      const memory = new PolicyMemory(1, 1);
      memory.members = 4;
      const policies = [{ name: 'rare', type: 'rare', rare: block }];
      return memory.renew((state) => compiled({ policies }, 'home', state));
    });
  /** How many of so many kinds a second are kept, each trace by whichever gateway has its turn. */
  const keptOf = (block: object, { kinds, seconds }: { kinds: number; seconds: number }): number => {
    const each = gatewaysWith(block);
    const verdict = undecided();
    let sum = 0;
    for (let i = 0; i < kinds * seconds; i++) {
      const facts = factsOfSpans({ trace: 't', name: `kind ${i}` });
      facts.now = 1_000_000 + (1000 * i) / kinds;
      decide(each[i % 4], facts, verdict);
      if (verdict.keep) sum++;
    }
    return sum;
  };

  it('has one limit, or each its own where the rules say so', () => {
    const traffic = { kinds: 100, seconds: 30 };
    const sum = keptOf({ traces_per_second: 8 }, traffic);
    expect(sum).toBeGreaterThan(0.9 * 8 * 30);
    expect(sum).toBeLessThanOrEqual(8 * 30 + 16 + 4);
    expect(keptOf({ traces_per_second: 8, per: 'gateway' }, traffic)).toBeGreaterThan(0.9 * 4 * 8 * 30);
  });

  it('keeps a kind once for each gateway that decides one, and no more', () => {
    const verdict = undecided();
    const facts = factsOfSpans({ trace: 't', name: 'the same' });
    const keeps = gatewaysWith({}).map((set) =>
      [1, 2, 3].map((second) => {
        facts.now = 1_000_000 + second * 1000;
        decide(set, facts, verdict);
        return verdict.keep;
      }),
    );
    expect(keeps).toEqual(keeps.map(() => [true, false, false]));
  });
});

describe('how many share the targets', () => {
  it('is known to all shards at once, and over new rules', () => {
    const main = new PolicyMemory(2, 1);
    main.members = 3;
    const first = main.renew(({ members }) => members);
    const shard = new PolicyMemory(2, 2);
    const seen = shard.renew(({ members }) => members, main.numbers);
    expect([first[0], seen[0]]).toEqual([3, 3]);
    main.members = 7;
    expect([first[0], seen[0]]).toEqual([7, 7]);
    expect(main.renew(({ members }) => members)[0]).toBe(7);
    expect(new PolicyMemory(1, 1).renew(({ members }) => members)[0]).toBe(1);
  });
});
