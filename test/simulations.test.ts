import { describe, expect, it } from 'vitest';
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
  return simulator({ config: config as never, shards, clock, today: () => today, fileLayer: () => undefined as never });
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
