import { compileRules } from '../src/decide/compile.ts';
import { decide, undecided } from '../src/decide/decide.ts';
import { voteTable } from '../src/decide/vote-table.ts';
import { RequestScan } from '../src/decode/scan.ts';
import type { RulesDocument, StatusCodeName } from '../src/model/rules.ts';
import { type PolicySet, Vote } from '../src/model/verdict.ts';
import { factsOf, factsOfSpans } from '../test/support/facts.ts';
import { benchRules } from './path.ts';
import { inTurns, print, report, requests, spansInRequests } from './turns.ts';

/** A policy set of the seed rules with changes. */
export function compiled(changes: Partial<RulesDocument> = {}): PolicySet {
  const result = compileRules({ ...benchRules, ...changes }, 'production', { debug: false });
  if ('problems' in result) throw new Error('the rules of the bench do not compile');
  return result.policies;
}

/** So many policies, of the kinds that people have in such lists, no two alike. */
const mixed = (count: number): RulesDocument['policies'] =>
  Array.from({ length: count }, (_, i) => ({ name: `policy-${i}`, ...kinds[i % kinds.length](i) }));

/** Those that remember something; what they tell traces apart by is read from the spans. */
const remembering: Readonly<Record<string, object>> = {
  rate_limiting: { spans_per_second: 1000 },
  per_key_rate: { traces_per_second: 100 },
  rare: {},
  adaptive: { traces_per_second: 100 },
};

type Kind = (i: number) => { readonly type: string; readonly [block: string]: unknown };
const codes: readonly StatusCodeName[][] = [['ERROR'], ['OK'], ['ERROR', 'OK']];
const share: Kind = (i) => ({ type: 'probabilistic', probabilistic: { sampling_percentage: 0.5 + ((i * 7) % 20) } });
const text: Kind = (i) => ({ type: 'string_attribute', string_attribute: { key: 'http.route', values: [`/r-${i}`] } });
const kinds: readonly Kind[] = [
  (i) => ({ type: 'status_code', status_code: { status_codes: codes[i % 3] } }),
  share,
  text,
  (i) => ({ type: 'numeric_attribute', numeric_attribute: { key: 'http.response.status_code', min_value: 500 + i } }),
  (i) => ({ type: 'latency', latency: { threshold_ms: 1000 + i } }),
  (i) => ({ type: 'span_latency', span_latency: { threshold_ms: 1000 + i } }),
  (i) => ({ type: 'route', route: { routes: [`/api/v${i}/*`] } }),
  (i) => ({
    type: 'and',
    and: {
      and_sub_policy: [
        { name: 'a', type: 'string_attribute', string_attribute: { key: 'service.name', values: [`s-${i}`] } },
        { name: 'b', ...share(i) },
      ],
    },
  }),
  (i) => ({ type: 'span_count', span_count: { min_spans: 100 + i } }),
  (i) => ({ type: 'drop', drop: { drop_sub_policy: [{ name: 'a', ...text(i) }] } }),
];

/** What a decision costs as policies become more, and what the scan does: with conditions, then with routes. */
export function reportPolicies(): void {
  const knobsOff = { baseline_percent: null, latency_threshold_ms: null, error_status_codes: null, routes: null };
  report('decide: seed rules; a trace', decisions(compiled()));
  for (const count of [1, 10, 100])
    report(
      `decide: ${count} policies, mixed; a trace`,
      decisions(compiled({ ...knobsOff, policies: mixed(count) })),
      0.5,
    );
  for (const [name, block] of Object.entries(remembering))
    report(
      `decide: ${name}; a trace of 8 spans`,
      decisions(compiled({ ...knobsOff, policies: [{ name, type: name, [name]: block }] }), true),
      0.5,
    );
  const hundredAsked = report('decide: 100 that vote for themselves; a trace', decisions(asked(100)), 0.5);
  print('decide: one more that votes for itself', hundredAsked / 100);

  reportScans([0, 1, 10, 100]);
  for (const count of [1, 10, 100]) {
    const routes = Array.from({ length: count }, (_, i) => `/api/v1/items-${i}`);
    report(`scan: ${count} routes that begin as the path does; a span`, scanning(compiled({ routes })), 0.5);
  }
}

/** In turns: what a list ten times as long costs beside the shorter one is what counts. */
function reportScans(counts: readonly number[]): void {
  const costs = inTurns(counts.map((count) => scanning(compiled({ policies: mixed(count) }))));
  counts.forEach((count, i) => {
    const ratio = i === 0 ? '' : `, × ${(costs[i] / costs[i - 1]).toFixed(2)}`;
    print(`scan: seed rules and ${count} policies, mixed; a span`, costs[i], undefined, ratio);
  });
}

/** As many different functions as there are policies, as kinds with a state of their own would be. */
function asked(count: number): PolicySet {
  const voters = [
    ({ spans }: { spans: number }) => (spans > 1000 ? Vote.drop : Vote.abstain),
    ({ bytes }: { bytes: number }) => (bytes > 1e6 ? Vote.keep : Vote.abstain),
    ({ bits }: { bits: Int32Array }) => ((bits[0] & 3) === 3 ? Vote.keep : Vote.abstain),
    ({ randomnessHigh }: { randomnessHigh: number }) => (randomnessHigh < 0xffff ? Vote.keep : Vote.abstain),
    () => Vote.abstain,
  ];
  const policies = Array.from({ length: count }, (_, i) => ({
    name: `policy-${i}`,
    thresholdHigh: 0,
    thresholdLow: 0,
    vote: voters[i % voters.length],
  }));
  return { ...compiled(), policies, votes: voteTable(policies) };
}

/** Decisions on traces as they come: any randomness, one in 64 with an error. */
function decisions(set: PolicySet, withSpans = false): () => number {
  const told = Array.from({ length: 8 }, (_, i) => ({
    trace: 't',
    name: `operation ${i}`,
    ...(i > 0 && { parent: 'p' }),
  }));
  const { trace } = withSpans ? factsOfSpans(...told) : factsOf();
  const facts = factsOf({ spans: 8, bytes: 3600, bits: new Int32Array(set.conditions.words), trace });
  const verdict = undecided();
  let random = 1;
  return () => {
    facts.now += 10;
    for (let i = 0; i < 8192; i++) {
      random = (Math.imul(random, 1_664_525) + 1_013_904_223) | 0;
      facts.bits[0] = i % 64 === 0 ? 1 : 0;
      facts.randomnessHigh = random >>> 8;
      facts.randomnessLow = random >>> 0;
      decide(set, facts, verdict);
    }
    return 8192;
  };
}

export function scanning({ conditions }: PolicySet): () => number {
  const scan = new RequestScan();
  return () => {
    for (const { bytes, length } of requests) scan.run(bytes, 0, length, conditions);
    return spansInRequests;
  };
}

if (import.meta.main) reportPolicies();
