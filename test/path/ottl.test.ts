import { describe, expect, it } from 'vitest';
import { compileRules } from '../../src/decide/compile.ts';
import type { Told } from '../support/spans.ts';
import { noRules, Story } from '../support/story.ts';

const policy = (ottl_condition: object) => ({ name: 'it', type: 'ottl_condition', ottl_condition });

function kept(ottl_condition: object, ...spans: Told[]): boolean {
  const story = new Story({ rules: { policies: [policy(ottl_condition)] } });
  for (const span of spans) story.send(span);
  story.after(10_000);
  return story.left().length === spans.length;
}

function problems(ottl_condition: object): readonly string[] {
  const compiled = compileRules({ ...noRules, policies: [policy(ottl_condition)] }, 'home', { debug: false });
  return 'problems' in compiled ? compiled.problems.map(({ path, message }) => `${path.join('.')}: ${message}`) : [];
}

describe('ottl_condition', () => {
  const slowCheckout =
    'resource.attributes["service.name"] == "checkout" and end_time - start_time > Duration("750ms")';

  it('keeps a trace for one span of which all of a condition holds', () => {
    const span = [slowCheckout];
    expect(
      kept(
        { span },
        { trace: 'a', service: 'cart' },
        { trace: 'a', parent: 'x', service: 'checkout', durationMs: 751 },
      ),
    ).toBe(true);
    expect(
      kept(
        { span },
        { trace: 'a', service: 'cart', durationMs: 900 },
        { trace: 'a', parent: 'x', service: 'checkout' },
      ),
    ).toBe(false);
  });

  it('keeps for any of its conditions, those that must be asked of the bytes too', () => {
    const span = ['name == "never"', 'Concat([name, attributes["k"]], "-") == "work-v"'];
    expect(kept({ span }, { trace: 'a' }, { trace: 'a', parent: 'x', attributes: { k: 'v' } })).toBe(true);
    expect(kept({ span }, { trace: 'a' }, { trace: 'a', parent: 'x', attributes: { k: 'w' } })).toBe(false);
  });

  it.each([
    ['ignore', true],
    ['silent', true],
    ['propagate', false],
  ])('in mode %s: a span of which it has no value beside one of which it holds: kept %s', (error_mode, expected) => {
    const condition = { error_mode, span: ['HasPrefix(attributes["k"], "v")'] };
    const spans: Told[] = [
      { trace: 'a', attributes: { k: 'value' } },
      { trace: 'a', parent: 'x' },
    ];
    expect(kept(condition, ...spans)).toBe(expected);
    expect(kept(condition, ...spans.toReversed())).toBe(expected);
    expect(kept(condition, spans[0]!)).toBe(true);
  });

  it('says what is wrong, in which condition, and where in it', () => {
    expect(problems({ span: ['true', 'ParseJSON(name) == nil'], spanevent: ['name ==\n  nam'] })).toEqual([
      expect.stringMatching(
        /^policies\.0\.ottl_condition\.span\.1: column 1 of the condition: the function ParseJSON is not supported: /,
      ),
      expect.stringMatching(
        /^policies\.0\.ottl_condition\.spanevent\.0: line 2, column 3 of the condition: nam is not supported of an event: /,
      ),
    ]);
    expect(problems({})).toEqual([
      'policies.0.ottl_condition.span: missing: expected a condition here, or in spanevent',
    ]);
    expect(problems({ span: ['true'], error_mode: 'loud' })).toEqual([
      'policies.0.ottl_condition.error_mode: "loud": expected ignore or silent or propagate',
    ]);
  });
});
