import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PolicyDocument, RulesDocument } from '../../src/model/rules.ts';
import { type Pace, WindowReader } from '../../src/shard/window-reader.ts';
import { gather } from '../../src/simulate/gather.ts';
import { join } from '../../src/simulate/join.ts';
import { compileJointly } from '../../src/simulate/joint-rules.ts';
import { judge } from '../../src/simulate/judge.ts';
import { SpanNames } from '../../src/simulate/names.ts';
import { simulate } from '../../src/simulate/simulation.ts';
import { Column, TraceTable } from '../../src/simulate/trace-table.ts';
import { type Told, traceIdHex } from '../support/spans.ts';
import { noRules, Story, seedRules } from '../support/story.ts';

const window = { maxBytes: 64 << 20, maxAgeMs: 3_600_000 };
const waits = { waitMs: 10_000, afterRootMs: 0, maxTraceBytes: 5_000_000 };
const neverOver: Pace = { isOver: false, next: () => Promise.resolve() };
/** What a gateway does with POST /api/simulate, over the shards of a story. */
async function tryOn(
  story: Story,
  candidate: RulesDocument,
  {
    maxTraces = 10_000,
    pace = neverOver,
    fromMs = Number.NEGATIVE_INFINITY,
    isLate = (): boolean => false,
    tenant = '',
  } = {},
) {
  const place = { environment: 'home', debug: false, tenant };
  const originMs = story.clock.monotonic;
  const { conditions, keys, tried } = compileJointly([seedRules, candidate], place);
  const options = { conditions, keys, seed: 7, maxTraces, waits };
  const gathered = await Promise.all(
    story.shards.map(({ shard }) => {
      const reader = new WindowReader(shard, () => Promise.reject(new Error('nothing was packed')));
      const range = { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY };
      return gather(reader.walk(range, { conditions, pace }), {
        table: new TraceTable(options),
        names: new SpanNames(story.enricher),
        originMs,
        pace,
        decisions: shard.decisions,
        fromMs: range.fromMs,
        isLate,
      });
    }),
  );
  const traces = await join(gathered, options, { originMs, fromMs, pace });
  const kept = { today: [] as string[], candidate: [] as string[] };
  await judge(tried, { ...traces, pace }, (at, [today, other]) => {
    const id = Buffer.alloc(16);
    for (let i = 0; i < 4; i++) id.writeInt32BE(traces.table.rows[at + Column.id + i]!, i * 4);
    if (today!.keep) kept.today.push(id.toString('hex'));
    if (other!.keep) kept.candidate.push(id.toString('hex'));
  });
  const [fresh, other] = compileJointly([seedRules, candidate], place).tried;
  return { kept, answer: await simulate(fresh!, other!, traces, pace), traces };
}

const keptBy = (story: Story): string[] => [...new Set(story.left().map(({ traceId }) => traceId))].sort();

const told: fc.Arbitrary<Told> = fc.record({
  trace: fc.integer({ min: 0, max: 40 }).map((n) => `trace-${n}`),
  service: fc.constantFrom('x', 'y', 'z'),
  status: fc.constantFrom('UNSET', 'UNSET', 'UNSET', 'ERROR'),
  durationMs: fc.constantFrom(1, 20, 700),
  startMs: fc.integer({ min: 1_790_000_000_000, max: 1_790_000_001_000 }),
  attributes: fc.constantFrom({}, { 'http.route': '/login' }, { 'http.route': '/healthz' }, { n: 5 }),
});
/** A trace's randomness is the same on all of its spans that say it. */
const randomness = ['', 'ot=rv:ffffffffffffff', 'ot=rv:00000000000001'];
const withRandomness = (span: Told): Told => ({
  ...span,
  traceState: randomness[Number(span.trace.slice(6)) % 3],
});
type Step = { readonly spans: Told[]; readonly ms: number };
/** Each in a millisecond of its own: which of two came first that came to two shards nobody knows. */
const steps = (longestMs: number): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.record({ spans: fc.array(told, { minLength: 1, maxLength: 6 }), ms: fc.integer({ min: 1, max: longestMs }) }),
    {
      minLength: 1,
      maxLength: 25,
    },
  );

const policies = [
  { name: 'slow-trace', type: 'latency', latency: { threshold_ms: 300 } },
  { name: 'many', type: 'span_count', span_count: { min_spans: 4 } },
  { name: 'some', type: 'probabilistic', probabilistic: { sampling_percentage: 30 } },
  { name: 'n', type: 'numeric_attribute', numeric_attribute: { key: 'n', min_value: 3, max_value: 9 } },
  {
    name: 'no-health',
    type: 'drop',
    drop: {
      drop_sub_policy: [
        { name: 'health', type: 'string_attribute', string_attribute: { key: 'http.route', values: ['/healthz'] } },
      ],
    },
  },
];
/** Such as remember something of what came before. */
const stateful: PolicyDocument[] = [
  { name: 'spans', type: 'rate_limiting', rate_limiting: { spans_per_second: 3, burst_capacity: 5 } },
  { name: 'bytes', type: 'bytes_limiting', bytes_limiting: { bytes_per_second: 500 } },
  { name: 'by-service', type: 'per_key_rate', per_key_rate: { traces_per_second: 0.5, burst_capacity: 2 } },
  {
    name: 'by-all',
    type: 'per_key_rate',
    per_key_rate: { spans_per_second: 1, attributes: ['http.route', 'service.name'], from: 'all' },
  },
  { name: 'rare', type: 'rare', rare: { not_seen_for: '3s', traces_per_second: 1 } },
  { name: 'rare-route', type: 'rare', rare: { not_seen_for: '2s', attributes: ['http.route'] } },
  { name: 'adaptive', type: 'adaptive', adaptive: { spans_per_second: 2, adjustment_interval: '1s' } },
  {
    name: 'composite',
    type: 'composite',
    composite: {
      max_total_spans_per_second: 4,
      composite_sub_policy: [
        { name: 'errors', type: 'status_code', status_code: { status_codes: ['ERROR'] } },
        { name: 'all', type: 'always_sample' },
      ],
    },
  },
];

const candidate: fc.Arbitrary<RulesDocument> = fc.record({
  ...Object.fromEntries(Object.entries(noRules).map(([key, value]) => [key, fc.constant(value)])),
  baseline_percent: fc.constantFrom(null, 0, 20, 100),
  error_status_codes: fc.constantFrom(null, ['ERROR']),
  policies: fc.subarray(policies),
}) as unknown as fc.Arbitrary<RulesDocument>;

describe('rules that are tried on the window', () => {
  const same = async (
    shards: number,
    list: readonly Step[],
    rules: RulesDocument,
    buffer: { decisionWaitAfterRootMs?: number; maxTraceBytes?: number } = {},
  ) => {
    const [today, other] = [seedRules, rules].map((each) => new Story({ window, shards, rules: each, buffer }));
    for (const { spans, ms } of list)
      for (const story of [today!, other!]) {
        story.send(...spans.map(withRandomness));
        story.after(ms);
      }
    for (const story of [today!, other!]) story.after(20_000);
    const { kept, answer } = await tryOn(today!, rules);
    expect(kept.candidate.sort()).toEqual(keptBy(other!));
    expect(kept.today.sort()).toEqual(keptBy(today!));
    expect(answer.candidate.keptTraces).toBe(keptBy(other!).length);
    expect(answer.candidate.keptSpans).toBe(other!.left().length);
    expect(answer.today.keptSpans).toBe(today!.left().length);
    expect(answer.won.examples.map(({ traceId }) => traceId).sort()).toEqual(
      kept.candidate.filter((id) => !kept.today.includes(id)),
    );
    expect(answer.lost.examples.map(({ traceId }) => traceId).sort()).toEqual(
      kept.today.filter((id) => !kept.candidate.includes(id)),
    );
    expect(answer.services.reduce((sum, { candidate }) => sum + candidate.spans, 0)).toBe(answer.candidate.keptSpans);
  };

  it.each([1, 2, 4])(
    'keep what a gateway of %i shards with these rules keeps of the same traffic',
    async (shards) => {
      await fc.assert(
        fc.asyncProperty(steps(300), candidate, (list, rules) => same(shards, list, rules)),
        { numRuns: Number(process.env.STORIES ?? 10) },
      );
    },
    Math.max(120_000, Number(process.env.STORIES ?? 0) * 2_000),
  );

  it(
    'keep the same where spans come after the decision, too',
    async () => {
      await fc.assert(
        fc.asyncProperty(steps(4_000), candidate, (list, rules) => same(1, list, rules)),
        { numRuns: Number(process.env.STORIES ?? 10) },
      );
    },
    Math.max(120_000, Number(process.env.STORIES ?? 0) * 2_000),
  );

  it('are tried on a fair sample where there are more traces, each with all of its spans', async () => {
    const story = new Story({ window, shards: 2 });
    for (let n = 0; n < 2_000; n++) {
      story.send({ trace: `t${n}`, id: 'a', service: 'x' });
      story.send({ trace: `t${n}`, id: 'b', parent: 'a', service: 'y' });
    }
    const { answer, traces } = await tryOn(story, { ...noRules, baseline_percent: 50 }, { maxTraces: 500 });
    expect(traces.table.count).toBeLessThanOrEqual(500);
    expect(answer.sampled).toBeLessThanOrEqual(1 / 4);
    expect(answer.spans).toBe(answer.traces * 2);
    expect(Math.abs(answer.traces - 2_000)).toBeLessThan(600);
    expect(Math.abs(answer.candidate.keptTraces / answer.traces - 0.5)).toBeLessThan(0.2);
  });

  it('say by policy who decides, and who never has a say', async () => {
    const story = new Story({ window });
    story.send({ trace: 'bad', service: 'pay', name: 'POST /pay', status: 'ERROR', durationMs: 40 });
    story.send({ trace: 'plain', service: 'shop' });
    const rules = { ...noRules, error_status_codes: ['ERROR' as const], routes: ['/nowhere'] };
    const { answer } = await tryOn(story, { ...rules, baseline_percent: 0 });
    const by = Object.fromEntries(answer.candidate.policies.map((each) => [each.policy, each]));
    expect([by.errors!.votes, by.errors!.decides.traces, by.errors!.alone.traces]).toEqual([1, 1, 1]);
    expect([by.routes!.votes, by.baseline!.votes]).toEqual([0, 0]);
    const lost = await tryOn(story, { ...noRules });
    const [example] = lost.answer.lost.examples.filter(({ traceId }) => traceId === traceIdHex('bad'));
    expect(example).toMatchObject({ service: 'pay', name: 'POST /pay', durationMs: 40, spans: 1 });
    expect([example!.today, example!.candidate]).toEqual([
      { kept: true, policy: 'errors' },
      { kept: false, policy: '' },
    ]);
  });

  it.each([1, 2, 4])(
    'decide trace for trace as a gateway of %i shards, where they go by what came before, too',
    async (shards) => {
      await fc.assert(
        fc.asyncProperty(steps(300), fc.subarray(stateful, { minLength: 1 }), (list, policies) =>
          same(shards, list, { ...noRules, policies }),
        ),
        { numRuns: Number(process.env.STORIES ?? 6) },
      );
    },
    Math.max(120_000, Number(process.env.STORIES ?? 0) * 2_000),
  );

  it(
    'decide so where traces are decided early and spans come late, in the order in which that was',
    async () => {
      const buffer = { decisionWaitAfterRootMs: 500, maxTraceBytes: 2_000 };
      await fc.assert(
        fc.asyncProperty(steps(4_000), fc.subarray(stateful, { minLength: 1 }), (list, policies) =>
          same(1, list, { ...noRules, policies }, buffer),
        ),
        { numRuns: Number(process.env.STORIES ?? 6) },
      );
    },
    Math.max(120_000, Number(process.env.STORIES ?? 0) * 2_000),
  );

  it('tell kinds of traces apart, each by its own name for it', async () => {
    const story = new Story({ window, shards: 2 });
    for (let n = 0; n < 60; n++) story.after(200).send({ trace: `t${n}`, service: `s${n % 3}`, name: `op-${n % 5}` });
    story.after(20_000);
    const keptOf = async (policy: PolicyDocument): Promise<number> =>
      (await tryOn(story, { ...noRules, policies: [policy] })).kept.candidate.length;
    expect(await keptOf({ name: 'rare', type: 'rare' })).toBe(15);
    expect(await keptOf({ name: 'rare', type: 'rare', rare: { attributes: ['service.name'] } })).toBe(3);
    const perKey = { traces_per_second: 0.001, burst_capacity: 4 };
    expect(await keptOf({ name: 'p', type: 'per_key_rate', per_key_rate: perKey })).toBe(12);
  });

  it('remember what came before the traces that are counted, as far as the window goes back', async () => {
    const story = new Story({ window });
    const send = (n: number): void => {
      story.after(200).send({ trace: `t${n}`, name: `op-${n % 5}` });
    };
    for (let n = 0; n < 30; n++) send(n);
    const fromMs = story.clock.monotonic + 1;
    for (let n = 30; n < 60; n++) send(n);
    story.after(20_000);
    const rules = { ...noRules, policies: [{ name: 'rare', type: 'rare' }] };
    const { answer } = await tryOn(story, rules, { fromMs });
    expect([answer.traces, answer.candidate.keptTraces, answer.warmSeconds]).toEqual([30, 0, 5.801]);
    const { answer: whole } = await tryOn(story, rules);
    expect([whole.traces, whole.candidate.keptTraces, whole.warmSeconds]).toEqual([60, 5, 0]);
  });

  it('remember nothing of what is in force, and are told as estimates where they go by what came before', async () => {
    const story = new Story({ window, shards: 2 });
    for (let n = 0; n < 200; n++) {
      story.send({ trace: `t${n}`, id: 'a' }, { trace: `t${n}`, id: 'b', parent: 'a' });
      story.after(50);
    }
    for (const policy of stateful) {
      const [once, again] = [1, 2].map(() => tryOn(story, { ...noRules, policies: [policy] }));
      expect((await once!).answer.candidate.approximate).toEqual([policy.name]);
      expect((await again!).kept.candidate).toEqual((await once!).kept.candidate);
    }
  });

  it('say that it is not all where there is no time for the rest: it is the older part', async () => {
    const story = new Story({ window, shards: 2 });
    for (let n = 0; n < 40; n++) story.after(100).send({ trace: `t${n}` });
    story.after(20_000);
    let looks = 0;
    const { answer } = await tryOn(story, { ...noRules, baseline_percent: 100 }, { isLate: () => ++looks > 12 });
    expect([answer.complete, answer.candidate.keptTraces]).toEqual([false, answer.traces]);
    expect(answer.traces).toBeLessThan(20);
    // Of both shards as far as the one that is behind: in a day like it there is as much as in a day like the whole.
    expect(answer.seconds).toBeLessThan(2);
    const ofAll = (await tryOn(story, { ...noRules, baseline_percent: 100 })).answer;
    expect([ofAll.complete, ofAll.traces]).toEqual([true, 40]);
  });

  it('are those of one tenant', async () => {
    const story = new Story({ window });
    for (let n = 0; n < 10; n++) story.send({ trace: `t${n}` });
    const rules = { ...noRules, tenants: { acme: { baseline_percent: 100 } } };
    expect((await tryOn(story, rules, { tenant: 'acme' })).answer.candidate.keptTraces).toBe(10);
    expect((await tryOn(story, rules, { tenant: 'other' })).answer.candidate.keptTraces).toBe(0);
  });

  it('stop being tried at the next step when nobody waits for the answer', async () => {
    const story = new Story({ window });
    story.send({ trace: 'a' });
    const gone = new Error('nobody waits');
    const pace = { isOver: true, next: () => Promise.reject(gone) };
    await expect(tryOn(story, noRules, { pace })).rejects.toBe(gone);
  });
});
