import { describe, expect, it } from 'vitest';
import type { PolicyDocument } from '../../src/model/rules.ts';
import { readsOtherwise } from '../support/collector-differences.ts';
import { collectorKeeps } from '../support/collector-verdicts.ts';
import { policyListsOf, tracesOf } from '../support/policy-lists.ts';
import { idOf, requestBytes, type Told } from '../support/spans.ts';
import { Story } from '../support/story.ts';

/** POLICY_LISTS=300 TRACES=500 for more of them; each round of lists is a Collector of its own. */
const lists = Number(process.env.POLICY_LISTS ?? 40);
const traces = Number(process.env.TRACES ?? 300);
const listsPerRound = 60;
const seed = Number(process.env.SEED ?? 1);

const idsOf = (spans: readonly Told[]) => spans.map((span) => Buffer.from(idOf(span.id!, 8)).toString('hex'));
const requestsOf = (all: readonly (readonly Told[])[]) =>
  Array.from({ length: Math.ceil(all.length / 100) }, (_, i) =>
    requestBytes(...all.slice(i * 100, i * 100 + 100).flat()),
  );

/** The spans that leave our path under these policies, by id. */
function weKeep(policies: readonly PolicyDocument[], requests: readonly Uint8Array[]): Set<string> {
  const story = new Story({ rules: { policies } });
  for (const request of requests) story.sendBytes(request);
  story.after(10_000);
  return new Set(story.left().map((span) => span.spanId));
}

describe('policies and those of a Collector', () => {
  it(`say the same of the same traces: ${lists} lists, ${traces} traces`, async () => {
    const differ: string[] = [];
    const counts = { kept: 0, dropped: 0, passedOver: 0 };
    for (let from = 0; from < lists; from += listsPerRound) {
      const round = policyListsOf(seed + from, Math.min(listsPerRound, lists - from));
      const told = tracesOf(seed + from, traces);
      const requests = requestsOf(told);
      const theirs = await collectorKeeps(round, requests, traces);
      round.forEach((policies, index) => {
        const ours = weKeep(policies, requests);
        for (const spans of told) {
          const ids = idsOf(spans);
          const [we, they] = [ours, theirs[index]!].map((kept) => ids.filter((id) => kept.has(id)).length);
          if (readsOtherwise(policies, spans)) counts.passedOver++;
          else if (we !== they)
            differ.push(`we keep ${we}, they ${they} of ${ids.length}: ${JSON.stringify({ policies, spans })}`);
          else if (we === ids.length) counts.kept++;
          else if (we === 0) counts.dropped++;
          else differ.push(`both keep a part: ${JSON.stringify({ policies, spans })}`);
        }
      });
    }
    console.log(JSON.stringify(counts));
    expect(differ.slice(0, 3), `${differ.length} of ${lists * traces} differ`).toEqual([]);
    const all = lists * traces;
    expect(Math.min(counts.kept, counts.dropped)).toBeGreaterThan(all / 10);
    expect(counts.passedOver).toBeLessThan(all / 3);
  }, 1_800_000);

  it('differ where docs/collector-differences.md says so, and there the Collector does what it says', async () => {
    const policies = differing.map(([, policy]) => [{ name: 'p', ...policy }] as PolicyDocument[]);
    const told = differing.map(([, , spans], index) =>
      spans.map((span, n) => ({ resource: {}, ...span, trace: `differs ${index}`, id: `differs ${index} ${n}` })),
    );
    const requests = requestsOf(told);
    const theirs = await collectorKeeps(policies, requests, told.length);
    const verdicts = differing.map(([name], index) => {
      const id = idsOf(told[index]!)[0]!;
      return { name, we: weKeep(policies[index]!, requests).has(id), they: theirs[index]!.has(id) };
    });
    expect(verdicts).toEqual(differing.map(([name, , , kept]) => ({ name, ...kept })));
  });
});

type Span = Omit<Told, 'trace' | 'id'>;
const t0 = 1_790_000_000_000;
const from = (start: number, end: number): Span => ({ startMs: t0 + start, durationMs: end - start });
const onlyWe = { we: true, they: false };
const onlyThey = { we: false, they: true };

/** A policy, a trace, and who keeps it. */
const differing: [string, object, Span[], { we: boolean; they: boolean }][] = [
  [
    'a band of latency that the first spans alone lie in',
    { type: 'latency', latency: { threshold_ms: 10, upper_threshold_ms: 50 } },
    [from(0, 50), from(0, 5_000)],
    onlyThey,
  ],
  [
    'a span without a start',
    { type: 'latency', latency: { threshold_ms: 4_000 } },
    [from(0, 1), { startMs: 0, durationMs: 0 }],
    onlyThey,
  ],
  [
    'a largest number of 0',
    { type: 'numeric_attribute', numeric_attribute: { key: 'n', min_value: -5, max_value: 0 } },
    [{ attributes: { n: 7 } }],
    onlyThey,
  ],
  [
    'a double between the bounds',
    { type: 'numeric_attribute', numeric_attribute: { key: 'n', min_value: 400, max_value: 499 } },
    [{ attributes: { n: 450.5 } }],
    onlyWe,
  ],
  [
    'a text where 0 is between the bounds',
    { type: 'numeric_attribute', numeric_attribute: { key: 'n', min_value: -1, max_value: 1 } },
    [{ attributes: { n: '450' } }],
    onlyThey,
  ],
  [
    'a text where false is asked for',
    { type: 'boolean_attribute', boolean_attribute: { key: 'b', value: false } },
    [{ attributes: { b: 'true' } }],
    onlyThey,
  ],
  [
    'a number on a resource where a regular expression takes an empty text',
    { type: 'string_attribute', string_attribute: { key: 'n', values: ['.*'], enabled_regex_matching: true } },
    [{ resource: { n: 7 } }],
    onlyThey,
  ],
  [
    'a tracestate with something malformed in it',
    { type: 'trace_state', trace_state: { key: 'k', values: ['v'] } },
    [{ traceState: 'k=v,rubbish' }],
    onlyWe,
  ],
];
