import { describe, expect, it } from 'vitest';
import type { PolicyDocument, RulesDocument } from '../../src/model/rules.ts';
import { adjustedCount, parseThreshold } from '../../src/model/threshold.ts';
import { attribute, decodeRequest } from '../support/otlp.ts';
import { random } from '../support/random.ts';
import type { Told } from '../support/spans.ts';
import { noRules, Story } from '../support/story.ts';

/** What comes twice a second: of each class so many traces, of so many spans; and one of five has a late one. */
const classes = [
  { service: 'a', traces: 9, spans: 1 },
  { service: 'b', traces: 3, spans: 3 },
];
const turnMs = 500;
const busyTurns = 40;
/** Then a tenth of it, and limiters pay what they owe. */
const calmTurns = 160;
const waitTurns = 24;
/** Told with one shard, two and four in turn. */
const runs = Number(process.env.STORIES ?? 4);
const shardsOf = (run: number): number => 2 ** (run % 3);

interface Telling {
  readonly rules: Partial<RulesDocument>;
  /** From the middle of the busy time on. */
  readonly later?: Partial<RulesDocument>;
  /** How full the exporters' queue is for two of eight busy seconds: a floor that goes on rising lets one trace stand for hundreds. */
  readonly exportQueue?: number;
  /** The part that may be owed still at the end, where nothing but limiters keeps. */
  readonly owed?: number;
}

const policy = (type: string, block: object = {}, name = type): PolicyDocument => ({ name, type, [type]: block });
const share = (sampling_percentage: number, name = 'share') => policy('probabilistic', { sampling_percentage }, name);
const limit = policy('rate_limiting', { spans_per_second: 8 });
const adaptive = policy('adaptive', { traces_per_second: 6, adjustment_interval: '2s' });
const of = (...policies: PolicyDocument[]): Telling => ({ rules: { ...noRules, policies } });

const tellings: Record<string, Telling> = {
  'a share': of(share(20)),
  'a limiter': { ...of(limit), owed: 0.03 },
  'per_key_rate beside a share': of(policy('per_key_rate', { traces_per_second: 1 }), share(15)),
  'adaptive and rare': of(adaptive, policy('rare', { not_seen_for: '5s' })),
  'a share, a limiter, and a drop of what another share leaves': of(
    share(40),
    limit,
    policy('drop', { drop_sub_policy: [policy('not', { not_sub_policy: share(60, 'most') })] }),
  ),
  'other rules in mid-stream': {
    ...of(share(15), limit),
    later: { ...noRules, policies: [share(30), limit, adaptive] },
  },
  'a share and a limiter under overload': { ...of(share(50), limit), exportQueue: 0.9 },
};

const digit = (next: () => number): string => Math.floor(next() * 16).toString(16);

/** What the spans that left stand for, of each class, for each that came. */
function tell({ rules, later, exportQueue = 0 }: Telling, run: number): number[] {
  const next = random(run * 7919);
  const story = new Story({ rules, batch: { maxAgeMs: 1 }, shards: shardsOf(run) });
  const came = classes.map(() => 0);
  const late: Told[][] = [];
  for (let turn = 0; turn < busyTurns + calmTurns + waitTurns; turn++) {
    if (later !== undefined && turn === busyTurns / 2) story.swap(later);
    const isBusy = turn < busyTurns;
    const isPressed = isBusy && turn % 16 < 4;
    for (const { shard } of story.shards) shard.overload.surroundings.exportQueue = isPressed ? exportQueue : 0;
    const spans: Told[] = [];
    classes.forEach(({ service, traces, spans: count }, i) => {
      for (let n = 0; n < traces && turn < busyTurns + calmTurns; n++) {
        if (!isBusy && next() > 0.1) continue;
        const trace = Array.from({ length: 32 }, () => digit(next)).join('');
        const span = (id: number): Told => ({ trace, service, id: `${id}`, ...(id > 0 && { parent: '0' }) });
        for (let id = 0; id < count; id++) spans.push(span(id));
        if (next() < 0.2) (late[turn + waitTurns - 1] ??= []).push(span(count));
        came[i]! += count;
      }
    });
    const afterwards = late[turn] ?? [];
    for (const { service } of afterwards) came[service === 'a' ? 0 : 1]!++;
    if (spans.length + afterwards.length > 0) story.send(...spans, ...afterwards);
    story.after(turnMs);
  }
  story.after(20_000);
  return stoodFor(story).map((sum, i) => sum / came[i]!);
}

function stoodFor(story: Story): number[] {
  const sums = classes.map(() => 0);
  for (const { body } of story.requests)
    for (const { resource, scopeSpans } of decodeRequest(body).resourceSpans ?? []) {
      const at = classes.findIndex(({ service }) => service === attribute(resource ?? {}, 'service.name'));
      for (const { traceState } of (scopeSpans ?? []).flatMap(({ spans }) => spans ?? [])) {
        const { high, low } = parseThreshold(/th:([0-9a-f]+)/.exec(traceState ?? '')?.[1] ?? '0')!;
        sums[at]! += adjustedCount(high, low);
      }
    }
  return sums;
}

describe('what left, late spans too, comes to what came, by class', () => {
  it.each(Object.entries(tellings))('%s', (name, telling) => {
    const made = Array.from({ length: runs }, (_, run) => tell(telling, run + name.length));
    classes.forEach(({ service }, i) => {
      const errors = made.map((each) => each[i]! - 1);
      const mean = errors.reduce((a, b) => a + b, 0) / runs;
      const deviation = Math.sqrt(errors.reduce((sum, error) => sum + (error - mean) ** 2, 0) / (runs - 1));
      const standardError = deviation / Math.sqrt(runs);
      expect(Math.abs(mean), `${service}: ${mean} ± ${standardError}`).toBeLessThan(
        4 * standardError + 1e-4 + (mean < 0 ? (telling.owed ?? 0) : 0),
      );
    });
  });
});
