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

it('says no more than is left to see: of no span, of one that is hidden, of twenty thousand', () => {
  expect(why(seedRules, ['errors']).errors).toBe('a span has status ERROR, which is not seen any more');
  expect(why(seedRules, []).slow).toBe('no span took over 500 ms');
});
