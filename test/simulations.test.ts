import { describe, expect, it } from 'vitest';
import { compileRules } from '../src/decide/compile.ts';
import { noState } from '../src/decide/state.ts';
import type { RulesDocument } from '../src/model/rules.ts';
import type { Simulation } from '../src/simulate/simulation.ts';
import { simulator } from '../src/simulations.ts';
import { WindowQuestions } from '../src/threads/window-questions.ts';
import { Story, seedRules } from './support/story.ts';

const window = { maxBytes: 64 << 20, maxAgeMs: 3_600_000 };
const tenants = ['acme', 'zoo'].map((name, index) => ({ name, index }));
const today: RulesDocument = {
  ...seedRules,
  baseline_percent: 0,
  tenants: { zoo: { baseline_percent: 100, routes: ['/zoo'] } },
};

/** A gateway with two tenants, as far as it tries rules on what came from each. */
function gateway(...stories: Story[]) {
  const buffer = { decisionWaitMs: 10_000, decisionWaitAfterRootMs: 0, maxTraceBytes: 5_000_000 };
  const rules = { maxBytes: 1 << 20 };
  const questions = new WindowQuestions({ resource: {}, set: {}, redact: [] });
  const config = { environment: 'home', traceDebug: false, buffer, rules, tenants: { each: tenants } };
  const shards: Parameters<typeof simulator>[0]['shards'] = {
    gather: (asked, tenant, over) => {
      const place = { environment: 'home', debug: false, tenant: tenants[tenant]!.name };
      const of = stories[tenant]!.shards;
      return Promise.all(of.map(({ shard }) => questions.gather(shard, asked, place, over)));
    },
  };
  const clock = stories[0]!.clock;
  return simulator({ config: config as never, shards, clock, today: () => today, fileFields: () => undefined });
}

describe('rules that are tried on the window of a gateway with tenants', () => {
  it('see the traces of the one that asks, and its own of today’s rules', async () => {
    const [acme, zoo] = [3, 7].map((count) => {
      const story = new Story({ window, shards: 2 });
      for (let n = 0; n < count; n++) story.send({ trace: `t${n}` });
      return story;
    });
    const simulate = gateway(acme!, zoo!);
    const ask = async (tenant: number, rules?: string) => {
      const asked = { rules, lastMs: undefined, overFile: false };
      const { status, body } = await simulate(asked, tenants[tenant]!, new AbortController().signal);
      expect(status).toBe(200);
      return body as Simulation;
    };
    const all = 'baseline_percent: 100\n';
    const kept = ({ traces, today, candidate }: Simulation) => [traces, today.keptTraces, candidate.keptTraces];
    expect(kept(await ask(0, all))).toEqual([3, 0, 3]);
    expect(kept(await ask(1, all))).toEqual([7, 7, 7]);
    expect(kept(await ask(1, 'baseline_percent: 0\ntenants: { acme: { baseline_percent: 100 } }\n'))).toEqual([
      7, 7, 0,
    ]);
    const inForce = await ask(1);
    expect(kept(inForce)).toEqual([7, 7, 7]);
    expect(inForce.rules).toContain('/zoo');
    expect(inForce.rules).not.toContain('tenants');
    const other = await ask(0);
    expect(other.rules).not.toContain('zoo');
    expect(await ask(0, other.rules)).toMatchObject({ today: other.today, candidate: other.candidate });
    expect((await ask(0, other.rules)).rules).toBeUndefined();
  });
});

describe('rules that take long to read', () => {
  const ask = (rules: string, over = new AbortController().signal) => {
    const story = new Story({ window });
    story.send({ trace: 't' });
    return gateway(story)({ rules, lastMs: undefined, overFile: false }, tenants[0]!, over);
  };

  it('are read beside the path, which has the thread meanwhile, and are told of as ever', async () => {
    let turns = 0;
    const turning = setInterval(() => turns++, 1);
    const broken = await ask(': : : [\n'.repeat(4000));
    clearInterval(turning);
    expect(turns).toBeGreaterThan(10);
    expect(broken.status).toBe(400);
    expect(broken.body).toMatchObject({ error: expect.stringMatching(/^rules:\d+: not valid YAML: /) });
    expect((await ask('['.repeat(20_000))).body).toMatchObject({ error: expect.stringContaining('nested too deep') });
    const good = await ask(`baseline_percent: 100\n# ${'x'.repeat(20_000)}\n`);
    expect(good).toMatchObject({ status: 200, body: { candidate: { keptTraces: 1 } } });
    expect((await ask(`policies: ${'x'.repeat(20_000)}\n`)).body).toMatchObject({
      error: expect.stringMatching(/^rules:1: policies: /),
    });
  });

  it('are given up where whoever asked is gone', async () => {
    const over = new AbortController();
    const asked = ask(': : : [\n'.repeat(20_000), over.signal);
    setTimeout(() => over.abort(), 5);
    await expect(asked).rejects.toThrow();
  });
});

describe('a document of many small parts', () => {
  it('compiles in time in proportion to it, and is refused before that where there are too many', () => {
    const limit = { type: 'rate_limiting', rate_limiting: { spans_per_second: 5 } };
    const inside = Array.from({ length: 900 }, (_, i) => ({ name: `p${i}`, ...limit }));
    const wide = { name: 'wide', type: 'and', and: { and_sub_policy: inside } };
    const identities: string[] = [];
    const state = noState();
    const counting = {
      ...state,
      shared: (id: string, words: number) => {
        identities.push(id);
        return state.shared(id, words);
      },
    };
    compileRules({ ...seedRules, policies: [wide] }, 'home', { debug: false, state: counting });
    expect(identities.length).toBeGreaterThan(800);
    expect(Math.max(...identities.map(({ length }) => length))).toBeLessThan(400);
    const composite = { max_total_spans_per_second: 5, composite_sub_policy: inside.slice(0, 129) };
    const many = { name: 'many', type: 'composite', composite };
    expect(compileRules({ ...seedRules, policies: [many] }, 'home', { debug: false })).toEqual({
      problems: [
        {
          path: ['policies', 0, 'composite', 'composite_sub_policy'],
          message: '129 policies: expected at most 128',
        },
      ],
    });
    const policies = Array.from({ length: 129 }, (_, i) => ({ name: `p${i}`, type: 'no such type' }));
    expect(compileRules({ ...seedRules, policies }, 'home', { debug: false })).toEqual({
      problems: [{ path: ['policies'], message: '129 policies: expected at most 128' }],
    });
  });
});
