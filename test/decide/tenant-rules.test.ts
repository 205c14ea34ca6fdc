import { describe, expect, it } from 'vitest';
import { defaultRules, hashOf, mergeLayers, parseRules, type RulesLayer } from '../../src/config/rules.ts';
import { parseKeys } from '../../src/config/rules-keys.ts';
import { compileRules } from '../../src/decide/compile.ts';
import { rulesOf, tenantProblems } from '../../src/decide/tenant-rules.ts';

const debug = { debug: false };
const layerOf = (parsed: ReturnType<typeof parseRules>): RulesLayer => {
  if ('errors' in parsed) throw new Error(parsed.errors.join('\n'));
  return parsed.layer;
};
const file = (text: string): RulesLayer => layerOf(parseRules(text, 'rules.yaml'));
const key = (value: string): RulesLayer => layerOf(parseKeys([{ key: 'tenants', value }], 'p/home'));
const errorsOf = (text: string) => {
  const parsed = parseRules(text, 'rules.yaml');
  return 'errors' in parsed ? parsed.errors : [];
};
/** The lines that a gateway with these tenants tells. */
const told = (layers: readonly RulesLayer[], names: readonly string[], environment = 'home') => {
  const { document, report } = mergeLayers(layers);
  return report(tenantProblems(document, environment, debug, names));
};

const text = `baseline_percent: 20
routes: [/a]
tenants:
  shop: { baseline_percent: 5, routes: null, policies: [{ name: all, type: always_sample }] }
  search: { latency_threshold_ms: null }
`;

describe('the rules of a tenant', () => {
  it('are those of all, but for the fields that it has of its own', () => {
    const { document } = mergeLayers([file(text)]);
    const common = { ...defaultRules, baseline_percent: 20, routes: ['/a'] };
    expect(rulesOf(document, 'other')).toEqual(common);
    expect(rulesOf(document, 'search')).toEqual({ ...common, latency_threshold_ms: null });
    expect(rulesOf(document, 'shop')).toMatchObject({ baseline_percent: 5, routes: null });
    const names = ['shop', 'search', 'other'].map((name) => {
      const compiled = compileRules(rulesOf(document, name), 'home', debug);
      return 'policies' in compiled ? compiled.policies.policies.map((policy) => policy.name) : compiled.problems;
    });
    expect(names).toEqual([
      ['errors', 'slow', 'baseline', 'all'],
      ['errors', 'routes', 'baseline'],
      ['errors', 'slow', 'routes', 'baseline'],
    ]);
  });

  it('are nobody else’s, whatever names mean to JavaScript', () => {
    const { document } = mergeLayers([file('tenants: { constructor: { debug: true } }')]);
    expect(rulesOf(document, 'toString')).toEqual(defaultRules);
    expect(rulesOf(document, 'constructor')).toEqual({ ...defaultRules, debug: true });
  });

  it('change the hash of the rules, and without any it is what it was', () => {
    const without = mergeLayers([file('routes: [/a]')]).document;
    const within = mergeLayers([file('routes: [/a]\ntenants: { a: { debug: true } }')]).document;
    expect(hashOf(within, 'home')).not.toBe(hashOf(without, 'home'));
    expect(Object.keys(without)).not.toContain('tenants');
  });

  it('in Consul take the place of the file’s', () => {
    const { document } = mergeLayers([file(text), key('shop: { debug: true }')]);
    expect(document.tenants).toEqual({ shop: { debug: true } });
    expect(rulesOf(document, 'shop')).toMatchObject({ baseline_percent: 20, debug: true });
  });
});

describe('what is wrong with them is told with its place', () => {
  it.each([
    ['tenants: { a: { tenants: {} } }', 'rules.yaml:1: tenants.a.tenants: unknown key'],
    ['routes: []\ntenants:\n  a:\n    routes: [x]', 'rules.yaml:4: tenants.a.routes[0]: "x": expected a path'],
    ['tenants: [a]', 'rules.yaml:1: tenants: ["a"]: expected a block'],
    ['tenants:\n  a: null', 'rules.yaml:2: tenants.a: empty'],
    ['tenants: { a: { baseline_percent: 101 } }', 'rules.yaml:1: tenants.a.baseline_percent: 101: expected'],
  ])('%j', (wrong, message) => {
    expect(errorsOf(wrong)).toEqual([expect.stringContaining(message)]);
  });

  it('a name that is no tenant', () => {
    expect(told([file(text)], ['shop'])).toEqual([
      'rules.yaml:5: tenants.search: no such tenant: expected one of receive.tenants.allow in the boot file',
    ]);
    expect(told([file(text)], [])).toHaveLength(2);
    expect(told([file(text), key('x: {}')], ['shop', 'search'])).toEqual([
      'consul:p/home/tenants: x: no such tenant: expected one of receive.tenants.allow in the boot file',
    ]);
  });

  it('rules that do not compile', () => {
    const wrong = `tenants:
  a:
    baseline_percent: { production: 1 }
    policies: [{ name: x, type: nonsense }]
`;
    expect(told([file(wrong)], ['a'])).toEqual([
      expect.stringMatching(/^rules.yaml:3: tenants.a.baseline_percent: no share for the environment 'home'/),
      expect.stringMatching(/^rules.yaml:4: tenants.a.policies\[0\].type: .*nonsense/),
    ]);
  });

  it('but what it has from all is told there', () => {
    const wrong = 'policies: [{ name: x, type: nonsense }]\ntenants: { a: { debug: true } }';
    expect(told([file(wrong)], ['a'])).toEqual([]);
  });
});
