import { describe, expect, it } from 'vitest';
import { compileRules } from '../../src/decide/compile.ts';
import { decide, undecided } from '../../src/decide/decide.ts';
import { PolicyMemory } from '../../src/decide/state.ts';
import { compileJointly } from '../../src/simulate/joint-rules.ts';
import { factsOfSpans } from '../support/facts.ts';
import { compiled, noRules } from '../support/story.ts';

const limit = { name: 'limit', type: 'rate_limiting', rate_limiting: { spans_per_second: 1, burst_capacity: 3 } };

describe('what policies remember', () => {
  it('is there where nobody brings a state, as for a test of rules', () => {
    const set = compiled({ policies: [limit] });
    const verdict = undecided();
    const kept = Array.from({ length: 5 }, () => {
      decide(set, factsOfSpans({ trace: 't' }), verdict);
      return verdict.keep;
    });
    expect(kept).toEqual([true, true, true, false, false]);
  });

  it('is not what a shadow policy of the same words remembers', () => {
    const set = compiled({ policies: [limit], shadow: [limit] });
    const verdict = undecided();
    const kept = Array.from({ length: 4 }, () => {
      decide(set, factsOfSpans({ trace: 't' }), verdict);
      return [verdict.keep, verdict.shadowKeepVotes[0] === 1];
    });
    expect(kept).toEqual([
      [true, true],
      [true, true],
      [true, true],
      [false, false],
    ]);
  });

  it('is bounded', () => {
    const rare = (i: number) => ({ name: `r${i}`, type: 'rare', rare: { max_keys: 1_000_000 } });
    const policies = Array.from({ length: 20 }, (_, i) => rare(i));
    expect(compileRules({ ...noRules, policies }, 'home', { debug: false })).toEqual({
      problems: [{ path: ['policies'], message: expect.stringMatching(/at most 64 MiB: lower some max_keys/) }],
    });
  });

  it('is let go with the policy, and stays as it was where rules do not compile', () => {
    const memory = new PolicyMemory(1, 1);
    const renew = (...policies: object[]) => memory.renew((state) => compiled({ policies } as never, 'home', state));
    const common = ['seed', 'members'];
    const remembered = () =>
      [...memory.numbers].filter(([identity]) => !common.includes(identity)).map(([, words]) => words);
    renew(limit);
    const [before] = remembered();
    expect(() => renew({ ...limit, type: 'nope' })).toThrow();
    expect(remembered()).toEqual([before]);
    renew(limit, { name: 'all', type: 'always_sample' });
    expect(remembered()[0]).toBe(before);
    renew();
    expect(remembered()).toEqual([]);
  });

  it('of a policy inside of another makes that one approximate in a simulation', () => {
    const and = { name: 'and', type: 'and', and: { and_sub_policy: [{ name: 'a', type: 'always_sample' }, limit] } };
    const { tried } = compileJointly([{ ...noRules, policies: [and, { name: 'all', type: 'always_sample' }] }], {
      environment: 'home',
      tenant: '',
      debug: false,
    });
    expect(tried[0].stateful).toEqual(['and']);
  });
});
