import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLiveRules } from '../../src/config/live.ts';
import type { FileText } from '../../src/config/read-text.ts';
import type { Source, SourceListener } from '../../src/config/source.ts';
import { compileRules } from '../../src/decide/compile.ts';
import { kinds } from '../../src/decide/policies/index.ts';
import type { PolicyDocument, RulesDocument } from '../../src/model/rules.ts';
import type { PolicySet } from '../../src/model/verdict.ts';
import { policyList } from '../support/policy-lists.ts';
import { noRules } from '../support/story.ts';

const odd = fc.constantFrom<unknown>(null, true, -1, 0, 1.5, 1e308, '', 'x', '(', [], [null], {}, { type: 'drop' }, [
  'a',
  'a',
]);
const words = [...kinds.keys(), ...[...kinds.values()].flatMap(({ parameters }) => Object.keys(parameters))];

/** A list that some Collector has, with one thing in it that is otherwise, put there or left out. */
const changed = fc
  .tuple(policyList, fc.nat(), fc.constantFrom(...words, 'name', 'type', 'constructor', 'zz'), odd)
  .map(([list, at, key, value]) => {
    const copy = structuredClone(list);
    const places = blocksIn(copy);
    const block = places[at % places.length] as Record<string, unknown>;
    const keys = Object.keys(block);
    if (at % 3 === 0) block[key] = value;
    else if (at % 3 === 1) block[keys[at % keys.length]!] = value;
    else delete block[keys[at % keys.length]!];
    return copy;
  });
const nested = fc.integer({ min: 1, max: 200 }).map((depth) => {
  let policy: object = { name: 'leaf', type: 'always_sample' };
  for (let i = 0; i < depth; i++) policy = { name: `n${i}`, type: 'not', not: { not_sub_policy: policy } };
  return [policy];
});

function blocksIn(value: unknown): object[] {
  if (typeof value !== 'object' || value === null) return [];
  return [...(Array.isArray(value) ? [] : [value]), ...Object.values(value).flatMap(blocksIn)];
}

describe('any document at all', () => {
  it('is compiled, or refused with what is wrong and where, and never more than that', () => {
    fc.assert(
      fc.property(fc.oneof(changed, nested, fc.array(fc.anything())) as fc.Arbitrary<unknown[]>, (policies) => {
        const result = compileRules({ ...noRules, policies: policies.filter(isPolicy) }, 'home', { debug: false });
        if ('policies' in result) return;
        expect(result.problems.length).toBeGreaterThan(0);
        for (const { path, message } of result.problems)
          expect([path[0], message.length > 0]).toEqual(['policies', true]);
      }),
      { numRuns: 3_000 },
    );
  });

  it('is put in force whole, or nothing of it', async () => {
    let listener: SourceListener<FileText> | undefined;
    const source: Source<FileText> = {
      name: 'file:rules.yaml',
      start(of) {
        listener = of;
        of.changed('{}');
      },
      refresh() {},
      stop() {},
    };
    const rules = createLiveRules<PolicySet>({
      file: source,
      environment: 'home',
      debug: false,
      compile: (document: RulesDocument) => compileRules(document, 'home', { debug: false }),
      policyNames: ({ policies }) => policies.map(({ name }) => name),
      lastGoodFile: '/dev/null/none',
      clock: { monotonicMs: () => 0, unixMs: () => 0 },
      log: () => {},
    });
    await rules.start();
    let taken = 0;
    fc.assert(
      fc.property(fc.oneof(changed, policyList), (policies) => {
        const before = rules.current;
        const { refused } = rules.status().loads;
        listener!.changed(JSON.stringify({ tail_sampling: { policies } }));
        const { loads, policies: names } = rules.status();
        if (loads.refused > refused) expect(rules.current).toBe(before);
        else {
          taken++;
          expect(names).toEqual(policies.map(({ name }) => name));
          const alone = compileRules({ ...noRules, policies }, 'home', { debug: false });
          expect(JSON.stringify({ policies: rules.current })).toBe(JSON.stringify(alone));
        }
      }),
      { numRuns: 1_000 },
    );
    expect(taken).toBeGreaterThan(400);
    expect(rules.status().loads.refused).toBeGreaterThan(100);
    rules.stop();
  });
});

/** What config/rules.ts has seen to. */
const isPolicy = (value: unknown): value is PolicyDocument => {
  const { name, type } = (value ?? {}) as Record<string, unknown>;
  return typeof name === 'string' && typeof type === 'string';
};
