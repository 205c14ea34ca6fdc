import { describe, expect, it } from 'vitest';
import { decide, undecided } from '../../src/decide/decide.ts';
import { PolicyMemory } from '../../src/decide/state.ts';
import type { PolicyDocument, RulesDocument } from '../../src/model/rules.ts';
import { adjustedCount, noFloor, type Threshold, thresholdOf } from '../../src/model/threshold.ts';
import { factsOfSpans } from '../support/facts.ts';
import { random } from '../support/random.ts';
import { compiled } from '../support/story.ts';

/** What comes: of each class so many a second, of so many spans. */
const classes = [
  { service: 'a', perSecond: 140, spans: 3 },
  { service: 'b', perSecond: 50, spans: 5 },
  { service: 'c', perSecond: 10, spans: 9 },
];
const templates = classes.map(({ service, spans }) =>
  factsOfSpans(...Array.from({ length: spans }, (_, i) => ({ trace: 't', service, ...(i > 0 && { parent: 'r' }) }))),
);
const busySeconds = 40;
/** Then little comes for so long, and limiters pay what they owe. */
const calmSeconds = 600;
const usualRuns = 24;

interface Story {
  readonly rules: Partial<RulesDocument>;
  /** From the middle of the busy time on. */
  readonly later?: Partial<RulesDocument>;
  readonly floor?: Threshold;
  /** The part that is still owed at the end, where nothing but limiters keeps. */
  readonly owed?: number;
  /** A calm time comes behind the busy one, which is so where it is left out. */
  readonly isCalm?: boolean;
  /** Where each costs much. */
  readonly runs?: number;
}

/** What the kept traces of each class stand for, and how many there were. */
function run(
  { rules, later, floor = noFloor, isCalm = true }: Story,
  seed: number,
): { stoodFor: number[]; came: number[] } {
  const next = random(seed);
  const memory = new PolicyMemory(1, 1);
  const compile = (document: Partial<RulesDocument>) => memory.renew((state) => compiled(document, 'home', state));
  let set = compile(rules);
  const verdict = undecided();
  const stoodFor = classes.map(() => 0);
  const came = classes.map(() => 0);
  for (let ms = 0; ms < (busySeconds + (isCalm ? calmSeconds : 0)) * 1000; ms += 20) {
    if (later !== undefined && ms === busySeconds * 500) set = compile(later);
    const share = ms < busySeconds * 1000 ? 1 : 0.02;
    classes.forEach(({ perSecond }, i) => {
      for (let left = (perSecond * share) / 50; left > 0; left--) {
        if (left < 1 && next() > left) continue;
        const facts = templates[i];
        facts.now = 1_000_000 + ms;
        for (let word = 0; word < 4; word++) facts.id[word] = next() * 2 ** 32;
        facts.randomnessHigh = facts.id[2] & 0xffffff;
        facts.randomnessLow = facts.id[3] >>> 0;
        came[i]++;
        decide(set, facts, verdict, floor);
        if (verdict.keep) stoodFor[i] += adjustedCount(verdict.thresholdHigh, verdict.thresholdLow);
      }
    });
  }
  return { stoodFor, came };
}

const policy = (type: string, block: object = {}, name = type): PolicyDocument => ({ name, type, [type]: block });
const share = (sampling_percentage: number, name = 'share') => policy('probabilistic', { sampling_percentage }, name);
const salted = (sampling_percentage: number, hash_salt: string, name: string) =>
  policy('probabilistic', { sampling_percentage, hash_salt }, name);
const limit = policy('rate_limiting', { spans_per_second: 150 });
const large = policy('span_count', { min_spans: 8 }, 'large');
const of = (...policies: PolicyDocument[]): Story => ({ rules: { policies } });
const limited = (owed: number, ...policies: PolicyDocument[]): Story => ({ ...of(...policies), owed });
const adaptive = policy('adaptive', { spans_per_second: 100, adjustment_interval: '5s' });

const stories: Record<string, Story> = {
  'a share': of(share(5)),
  'two shares': of(share(5), share(20, 'more')),
  'a hash with a salt': of(salted(10, 's', 'salted')),
  'two hashes with one salt, and one with another': of(
    salted(10, 's', 'x'),
    salted(20, 's', 'y'),
    salted(10, 't', 'z'),
  ),
  'both of two hashes with one salt, beside a share': of(
    policy('and', { and_sub_policy: [salted(30, 's', 'x'), salted(20, 's', 'y')] }),
    share(5),
  ),
  'a hash with a salt, and what it does not keep': of(
    salted(20, 's', 'x'),
    policy('and', { and_sub_policy: [policy('not', { not_sub_policy: salted(20, 's', 'y') }), share(10)] }),
  ),
  'a stretch of a hash, and of another salt': of(
    policy('and', { and_sub_policy: [policy('not', { not_sub_policy: salted(20, 's', 'x') }), salted(60, 's', 'y')] }),
    salted(10, 't', 'z'),
  ),
  'a hash with a salt, less of it dropped': of(
    policy('drop', { drop_sub_policy: [salted(20, 's', 'x')] }),
    salted(30, 's', 'y'),
    share(5),
  ),
  rate_limiting: limited(0.002, limit),
  bytes_limiting: limited(0.002, policy('bytes_limiting', { bytes_per_second: 12_000 })),
  'per_key_rate by traces': limited(0.002, policy('per_key_rate', { traces_per_second: 4 })),
  'per_key_rate by spans': limited(0.002, policy('per_key_rate', { spans_per_second: 20 })),
  'adaptive to spans a second': of(adaptive),
  'adaptive to a percentage': of(policy('adaptive', { percentage: 5, adjustment_interval: '5s' })),
  composite: limited(
    0.002,
    policy('composite', {
      max_total_spans_per_second: 150,
      policy_order: ['large', 'all'],
      composite_sub_policy: [large, { name: 'all', type: 'always_sample' }],
      rate_allocation: [
        { policy: 'large', percent: 20 },
        { policy: 'all', percent: 80 },
      ],
    }),
  ),
  'composite of shares': limited(
    0.05,
    policy('composite', {
      max_total_spans_per_second: 60,
      composite_sub_policy: [share(20, 'some'), { name: 'all', type: 'always_sample' }],
    }),
  ),
  'a composite of shares, beside a share': of(
    policy('composite', {
      max_total_spans_per_second: 60,
      composite_sub_policy: [share(20, 'some'), { name: 'all', type: 'always_sample' }],
    }),
    share(5, 'baseline'),
  ),
  'a composite by luck, beside a share': of(
    policy('composite', {
      max_total_spans_per_second: 60,
      composite_sub_policy: [salted(20, 's', 'some'), salted(30, 's', 'more'), salted(30, 't', 'others')],
    }),
    share(5, 'baseline'),
  ),
  'a composite of twenty parts by chance, beside a share': {
    runs: 8,
    ...of(
      policy('composite', {
        max_total_spans_per_second: 60,
        composite_sub_policy: Array.from({ length: 20 }, (_, i) =>
          i % 5 === 0 ? share(1 + i / 4, `share ${i}`) : salted(2 + (i % 5), `salt ${i % 7}`, `salted ${i}`),
        ),
      }),
      share(5, 'baseline'),
    ),
  },
  'rare, and a share of the rest': of(policy('rare', { not_seen_for: '2s' }), share(10)),
  'what is large, and a share': of(large, share(5)),
  'a share beside a limiter': of(share(10), limit),
  'a limiter of a share, beside a share': of(
    policy('and', { and_sub_policy: [share(40, 'some'), limit] }),
    share(5, 'baseline'),
  ),
  'a limiter of a hash, beside a share': of(
    policy('and', { and_sub_policy: [salted(40, 's', 'some'), limit] }),
    share(5, 'baseline'),
  ),
  'a limiter by key of a hash, beside a share': of(
    policy('and', { and_sub_policy: [salted(40, 's', 'some'), policy('per_key_rate', { spans_per_second: 20 })] }),
    share(5, 'baseline'),
  ),
  'a share of what is large, beside a limiter': limited(
    0.002,
    policy('and', { and_sub_policy: [large, share(30, 'some')] }),
    limit,
  ),
  'what a limiter refuses': {
    ...limited(0.02, policy('not', { not_sub_policy: policy('rate_limiting', { spans_per_second: 60 }, 'l') })),
    isCalm: false,
  },
  'two limiters': limited(0.002, limit, policy('per_key_rate', { traces_per_second: 4 })),
  'adaptive beside a limiter, a salted share and a share': of(adaptive, limit, salted(5, 's', 'x'), share(3)),
  'all but for a dropped share': of(policy('drop', { drop_sub_policy: [salted(80, 's', 'some')] }), {
    name: 'all',
    type: 'always_sample',
  }),
  'a share, beside a limiter, half of it dropped': of(
    policy('drop', { drop_sub_policy: [salted(50, 's', 'some')] }),
    share(20),
    limit,
  ),
  'a share, but for what another does not keep': of(
    policy('drop', { drop_sub_policy: [policy('not', { not_sub_policy: share(6, 'some') })] }),
    share(20),
  ),
  'what a share does not keep': of(policy('not', { not_sub_policy: share(70) })),
  'what a share does not keep, and a smaller share': of(policy('not', { not_sub_policy: share(70) }), share(5, 'less')),
  'a stretch of randomness': of(
    policy('and', { and_sub_policy: [policy('not', { not_sub_policy: share(10) }), share(40, 'more')] }),
  ),
  'what a stretch leaves': of(
    policy('not', {
      not_sub_policy: policy(
        'and',
        { and_sub_policy: [policy('not', { not_sub_policy: share(10) }), share(90, 'more')] },
        'stretch',
      ),
    }),
  ),
  'of large ones less, of the others more': of(
    policy('drop', {
      drop_sub_policy: [large, policy('not', { not_sub_policy: share(5, 'some') })],
    }),
    share(20),
    limit,
  ),
  'a share under overload': { ...of(share(50)), floor: thresholdOf(1 / 8) },
  'a limiter beside a share under overload': { ...of(share(10), limit), floor: thresholdOf(1 / 4) },
  'adaptive and a limiter under overload': { ...of(adaptive, limit), floor: thresholdOf(1 / 2) },
  // Few are kept in the calm time, so more stays owed.
  'a limiter alone under overload': { ...limited(0.2, limit), floor: thresholdOf(1 / 4) },
  'a limiter under overload, and what is large': { ...limited(0.01, limit, large), floor: thresholdOf(1 / 4) },
  'a limiter, half of what is large dropped': limited(
    0.01,
    policy('drop', { drop_sub_policy: [large, salted(50, 's', 'half')] }),
    limit,
  ),
  'a limiter, half of all dropped, under overload': {
    ...limited(0.35, policy('drop', { drop_sub_policy: [salted(50, 's', 'half')] }), limit),
    floor: thresholdOf(1 / 4),
  },
  'other rules in mid-stream': { ...of(share(10), limit), later: { policies: [share(30), limit, adaptive] } },
};

describe('kept traces come to what there was, by class', () => {
  it.each(Object.entries(stories))('%s', (name, story) => {
    const { runs = usualRuns } = story;
    const made = Array.from({ length: runs }, (_, seed) => run(story, seed * 7919 + name.length));
    classes.forEach(({ service }, i) => {
      const errors = made.map(({ stoodFor, came }) => stoodFor[i] / came[i] - 1);
      const mean = errors.reduce((a, b) => a + b, 0) / runs;
      const deviation = Math.sqrt(errors.reduce((sum, error) => sum + (error - mean) ** 2, 0) / (runs - 1));
      const standardError = deviation / Math.sqrt(runs);
      // What thresholds lose by being written in few digits; what is owed is missing, and nothing is too much.
      const rounding = 1e-4;
      expect(Math.abs(mean), `${service}: ${mean} ± ${standardError}`).toBeLessThan(
        4 * standardError + rounding + (mean < 0 ? (story.owed ?? 0) : 0),
      );
    });
  });
});
