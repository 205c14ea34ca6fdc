import { expect, it } from 'vitest';
import type { PolicyDocument, RulesDocument } from '../../src/model/rules.ts';
import { whyVotes } from '../../src/why/why.ts';
import { requestBytes, type Told } from '../support/spans.ts';
import { compiled, seedRules } from '../support/story.ts';

/** Why the policies of these rules voted so on a trace of these spans, by their names. */
function why(rules: Partial<RulesDocument>, keepers: readonly string[], ...spans: Told[]): Record<string, string> {
  const { said } = compiled(rules);
  const votes = said.map(({ name, when }) => ({ when, vote: keepers.includes(name) ? 'keep' : 'abstain' }) as const);
  const whys = whyVotes(
    votes,
    spans.map((span) => requestBytes(span)),
    { spans: spans.length, longestNs: 0, durationNs: 0 },
  );
  return Object.fromEntries(said.map(({ name }, i) => [name, whys[i]]));
}

const fast: Told = { trace: 'a', name: 'GET /x', service: 'shop', durationMs: 312, status: 'OK' };
const slow: Told = { ...fast, parent: 'r', name: 'query "users"', service: 'db', durationMs: 812 };

it('names the span that did it, with what it has', () => {
  const login: Told = { ...fast, attributes: { 'http.route': '/login' }, status: 'ERROR' };
  expect(why(seedRules, ['errors', 'slow', 'routes', 'baseline'], login, slow)).toEqual({
    errors: 'span "GET /x" of shop has status ERROR',
    slow: 'span "query \\"users\\"" of db took 812 ms, over 500 ms',
    routes: 'span "GET /x" of shop has http.route = "/login"',
    baseline: 'it is among the 10 % kept',
  });
});

it('says what came nearest where no span did', () => {
  const other: Told = { ...fast, attributes: { 'http.route': '/cart' } };
  expect(why(seedRules, [], other)).toEqual({
    errors: 'no span has status ERROR',
    slow: 'no span took over 500 ms: the longest took 312 ms (span "GET /x" of shop)',
    routes: 'no span is on one of the routes /login /upload: it is "/cart"',
    baseline: 'it is not among the 10 % kept',
  });
});

it('goes through what is joined, to the part that made it so', () => {
  const policy: PolicyDocument = {
    name: 'both',
    type: 'and',
    and: {
      and_sub_policy: [
        { name: 'x', type: 'status_code', status_code: { status_codes: ['OK'] } },
        { name: 'y', type: 'string_attribute', string_attribute: { key: 'tier', values: ['gold', 'silver'] } },
        { name: 'z', type: 'latency', latency: { threshold_ms: 1000 } },
      ],
    },
  };
  const rules = { policies: [policy] };
  const silver: Told = { ...slow, durationMs: 1200, attributes: { tier: 'silver' } };
  expect(why(rules, ['both'], silver).both).toBe(
    'span "query \\"users\\"" of db has status OK; span "query \\"users\\"" of db has tier = "silver"; it took 1.2 s, 1.001 s or more',
  );
  expect(why(rules, [], { ...slow, attributes: { tier: 'tin' } }).both).toMatch(
    /^no span has tier = "gold" or "silver"/,
  );
});

it('names what a composite decided by, of whatever kind, and never one that it does not know', () => {
  const composite = (...composite_sub_policy: object[]): Partial<RulesDocument> => ({
    policies: [{ name: 'c', type: 'composite', composite: { max_total_spans_per_second: 10, composite_sub_policy } }],
  });
  const all = { name: 'all', type: 'always_sample' };
  const failed = { name: 'failed', type: 'status_code', status_code: { status_codes: ['ERROR'] } };
  const long = { name: 'long', type: 'latency', latency: { threshold_ms: 300 } };
  const some = { name: 'some', type: 'probabilistic', probabilistic: { sampling_percentage: 5 } };
  const rate = 'its rate, or what it remembers, allows it';
  expect(why(composite(failed, all), ['c'], fast).c).toBe(`every trace; ${rate}`);
  expect(why(composite(failed, all), [], fast).c).toBe(`every trace; not: ${rate}`);
  expect(why(composite(failed, long, all), ['c'], fast).c).toBe(`it took 312 ms, 301 ms or more; ${rate}`);
  expect(why(composite(some, all), ['c'], fast).c).toBe('it is among the 5 % kept, else every trace, within its rate');
  expect(why(composite(failed), [], fast).c).toBe('none of its policies');
});

it('does not say yes of what is joined where the answer was no', () => {
  const joined = (...and_sub_policy: object[]): Partial<RulesDocument> => ({
    policies: [{ name: 'both', type: 'and', and: { and_sub_policy } }],
  });
  const long = { name: 'long', type: 'latency', latency: { threshold_ms: 300 } };
  const some = { name: 'some', type: 'probabilistic', probabilistic: { sampling_percentage: 5 } };
  const limit = { name: 'l', type: 'rate_limiting', rate_limiting: { spans_per_second: 1 } };
  expect(why(joined(long, some), [], fast).both).toBe('it is not among the 5 % kept');
  expect(why(joined({ ...long, latency: { threshold_ms: 500 } }, some), [], fast).both).toBe(
    'it took 312 ms, not 501 ms or more',
  );
  expect(why(joined(some, limit), [], fast).both).toBe(
    'not (it is among the 5 % kept and its rate, or what it remembers, allows it)',
  );
});

it('says whose memory makes a trace rare', () => {
  const rare: Partial<RulesDocument> = { policies: [{ name: 'r', type: 'rare', rare: { not_seen_for: '5m' } }] };
  const first = 'none of its kind was decided by this gateway for 300 s, and the limit has room';
  expect(why(rare, ['r'], fast).r).toBe(first);
  expect(why(rare, [], fast).r).toBe(`not: ${first}`);
});

it('says that a rate is not asked of what is dropped', () => {
  const limit = { name: 'l', type: 'rate_limiting', rate_limiting: { spans_per_second: 1 } };
  const drop = { name: 'd', type: 'drop', drop: { drop_sub_policy: [{ name: 'all', type: 'always_sample' }] } };
  const { said } = compiled({ policies: [limit, drop] });
  const votes = said.map(({ name, when }) => ({ when, vote: name === 'd' ? 'drop' : 'abstain' }) as const);
  expect(whyVotes(votes, [requestBytes(fast)], { spans: 1, longestNs: 0, durationNs: 0 })).toEqual([
    'it is not asked, as the trace is dropped',
    'every trace',
  ]);
});

it('does not take what came late for what was there at the decision', () => {
  const tier: PolicyDocument = {
    name: 'tier',
    type: 'string_attribute',
    string_attribute: { key: 'tier', values: ['gold'] },
  };
  const long: PolicyDocument = { name: 'long', type: 'latency', latency: { threshold_ms: 500 } };
  const late: Told = { ...slow, attributes: { tier: 'gold' } };
  const rules = { ...seedRules, policies: [tier, long] };
  const of = why(rules, [], { ...fast, attributes: { tier: 'tin' } }, late);
  expect(of.slow).toBe(
    'no span took over 500 ms, when it was decided: the longest took 312 ms (span "GET /x" of shop)',
  );
  expect(of.tier).toMatch(/^no span has tier = "gold" or .*, when it was decided: it is "tin"$/);
  expect(of.long).toBe('it did not take 501 ms or more, when it was decided');
});

it('says no more than is left to see: of no span, of one that is hidden, of twenty thousand', () => {
  expect(why(seedRules, ['errors']).errors).toBe('a span has status ERROR, which is not seen any more');
  expect(why(seedRules, []).slow).toBe('no span took over 500 ms');
});
