import { describe, expect, it } from 'vitest';
import { compileRules } from '../../src/decide/compile.ts';
import { lintRules } from '../../src/decide/lint/lint.ts';
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

describe('a policy', () => {
  const problems = (policy: object) => {
    const compiled = compile([{ name: 'p', ...policy } as PolicyDocument]);
    return 'problems' in compiled
      ? compiled.problems.map(({ path, message }) => `${path.slice(2).join('.')}: ${message}`)
      : [];
  };

  it('is refused with a key that its type does not have', () => {
    const probabilistic = { sampling_percentage: 5 };
    expect(problems({ type: 'probabilistic', probabilistic })).toEqual([]);
    expect(problems({ type: 'probabilistic', probabilistic: { ...probabilistic, sampling_precentage: 5 } })).toEqual([
      'probabilistic.sampling_precentage: unknown key, did you mean sampling_percentage?',
    ]);
    expect(problems({ type: 'probabilistic', probabilistic, invert_match: true })).toEqual([
      'invert_match: unknown key, expected one of name, type, probabilistic',
    ]);
    expect(problems({ type: 'status_code', status_code: { status_codes: ['OK'], invert_match: true } })).toEqual([
      'status_code.invert_match: unknown key, expected one of status_codes',
    ]);
    expect(problems({ type: 'always_sample', always_sample: {} })).toEqual([
      'always_sample: always_sample has no parameters: leave the block out',
    ]);
  });

  it("is refused with another type's block", () => {
    const status_code = { status_codes: ['ERROR'] };
    expect(problems({ type: 'status_code', status_code, probabilistic: { sampling_percentage: 5 } })).toEqual([
      'probabilistic: unknown key, expected one of name, type, status_code',
    ]);
  });

  const error = { type: 'status_code', status_code: { status_codes: ['ERROR'] } };
  const service = { type: 'string_attribute', string_attribute: { key: 'service.name', values: ['a'] } };
  const spans = { type: 'span_count', span_count: { min_spans: 2 } };
  const whole = expect.stringMatching(/^rescue: it says something of the whole trace, and a late span is asked alone/);
  it.each([
    ['a status', error, []],
    ['a condition', { type: 'ottl_condition', ottl_condition: { span: ['kind == SPAN_KIND_SERVER'] } }, []],
    ['two things of one span', { type: 'and', and: { same_span: true, and_sub_policy: [error, service] } }, []],
    [
      'two things, each of some span',
      { type: 'and', and: { and_sub_policy: [error, service] } },
      [expect.stringMatching('^rescue: it may ask another span for each, .*: add same_span: true$')],
    ],
    ['a number of spans', spans, [whole]],
    ['no span', { type: 'not', not: { not_sub_policy: error } }, [whole]],
    ['all', { type: 'always_sample' }, [whole]],
    ['a share', { type: 'probabilistic', probabilistic: { sampling_percentage: 5 } }, [whole]],
    [
      'what is dropped',
      { type: 'drop', drop: { drop_sub_policy: [error] } },
      [expect.stringMatching('^rescue: drop keeps nothing, so that it brings nothing back')],
    ],
    ['no answer', { ...error, rescue: 'yes' }, ['rescue: expected true or false']],
    [
      'an inner policy',
      { type: 'not', not: { not_sub_policy: { ...error, rescue: true } }, rescue: false },
      ['not.not_sub_policy.rescue: expected beside the name of an outermost policy only'],
    ],
  ])('that rescues by %s is taken, or told why not', (_, policy, wanted) => {
    expect(problems({ rescue: true, ...policy })).toEqual(wanted);
  });

  it.each(['constructor', 'toString', '__proto__', 'hasOwnProperty', 'valueOf'])(
    'of a type %s is of an unknown one, and has no block of that name',
    (word) => {
      expect(problems({ type: word })).toEqual([
        expect.stringMatching(`^type: unknown policy type '${word}'; (this version knows always_sample,|did you mean)`),
      ]);
      expect(problems({ type: 'always_sample', [word === '__proto__' ? 'x' : word]: 1 })).toHaveLength(1);
    },
  );

  it.each([undefined, null, {}, Object.create({ sampling_percentage: 5 })])(
    'whose block is %j says what it lacks',
    (probabilistic) => {
      expect(problems({ type: 'probabilistic', probabilistic })).toEqual([
        'probabilistic.sampling_percentage: missing: expected a number from 0 to 100',
      ]);
    },
  );

  it.each([5, 'x', [], [5]])('whose block is %j says what it should be', (probabilistic) => {
    expect(problems({ type: 'probabilistic', probabilistic })).toEqual([
      'probabilistic: expected a block of sampling_percentage, hash_salt',
    ]);
  });

  it('whose parameter is not as it should be says so', () => {
    expect(problems({ type: 'probabilistic', probabilistic: { sampling_percentage: '5' } })).toEqual([
      'probabilistic.sampling_percentage: "5": expected a number from 0 to 100',
    ]);
  });

  it('of a mistyped type is told which may be meant', () => {
    expect(problems({ type: 'probablistic' })).toEqual([
      "type: unknown policy type 'probablistic'; did you mean probabilistic?",
    ]);
  });
});

it.each(['constructor', 'toString', '__proto__'])(
  'an environment called %s has no share but its own',
  (environment) => {
    const shares = { ...noRules, baseline_percent: { home: 1 } };
    expect(compileRules(shares, environment, { debug: false })).toMatchObject({
      problems: [{ path: ['baseline_percent'], message: expect.stringContaining('no share for the environment') }],
    });
  },
);

describe('long lists', () => {
  const texts = (name: string, values: readonly string[]): PolicyDocument => ({
    name,
    type: 'string_attribute',
    string_attribute: { key: 'k', values },
  });
  const cpuMsOf = (todo: () => void): number => {
    const from = process.cpuUsage();
    todo();
    const { user, system } = process.cpuUsage(from);
    return (user + system) / 1000;
  };
  const different = Array.from({ length: 20_000 }, (_, i) => `v${i}`);

  it.each([
    ['one text again and again', [texts('p', new Array(100_000).fill('v'))]],
    ['lists that hold each other', [1, 2, 3, 4].map((n) => texts(`p${n}`, different.slice(n)))],
  ])('are compiled and doubted in no second: %s', (_, policies) => {
    const document = { ...noRules, policies };
    expect(cpuMsOf(() => expect(compile(policies)).toHaveProperty('policies'))).toBeLessThan(1_500);
    expect(cpuMsOf(() => lintRules(document, 'home'))).toBeLessThan(1_500);
  });
});
