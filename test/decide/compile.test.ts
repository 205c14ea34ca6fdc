import { describe, expect, it } from 'vitest';
import { compileRules } from '../../src/decide/compile.ts';
import type { PolicyDocument } from '../../src/model/rules.ts';
import { noRules } from '../support/story.ts';

const many = (count: number): PolicyDocument[] =>
  Array.from({ length: count }, (_, i) => ({ name: `policy-${i}`, type: 'always_sample' }));
const compile = (policies: readonly PolicyDocument[]) =>
  compileRules({ ...noRules, error_status_codes: ['ERROR'], policies }, 'home', { debug: false });

describe('a list of policies', () => {
  it('may have 128 with the knobs', () => {
    expect(compile(many(127))).toMatchObject({ policies: { policies: { length: 128 } } });
  });

  it('is refused with one more, which says how many there are', () => {
    const message = '129 policies with the knobs; expected at most 128';
    expect(compile(many(128))).toEqual({ problems: [{ path: ['policies'], message }] });
  });

  it('may write the same status codes in any way, as often as it likes', () => {
    const ways = ['ERROR', 'OK', 'UNSET'].flatMap((a) =>
      ['ERROR', 'OK', 'UNSET'].flatMap((b) => [[a], [a, b], [b, a, a, b], [a, b, a]]),
    );
    const policies = [...ways, ...ways].map((status_codes, i) => ({
      name: `policy-${i}`,
      type: 'status_code',
      status_code: { status_codes },
    }));
    expect(compile(policies)).toMatchObject({ policies: { policies: { length: 73 } } });
  });
});
