import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { problemsOf } from '../../src/config/document.ts';
import { defaultRules } from '../../src/enrich/default-rules.ts';
import { redactOptions } from '../../src/enrich/options.ts';

const messages = (...entries: unknown[]) => {
  const { issues = [] } = v.safeParse(redactOptions, entries);
  return problemsOf(issues).map(({ path, message }) => `${path.join('.')}: ${message}`);
};

describe('redact: in the boot file', () => {
  it('is the default list where nothing is said', () => {
    expect(v.parse(redactOptions, undefined)).toEqual(defaultRules);
    expect(v.parse(redactOptions, ['default'])).toEqual(defaultRules);
  });

  it('is off when empty', () => {
    expect(v.parse(redactOptions, [])).toEqual([]);
  });

  it('is what the operator lists, in order', () => {
    const own = { name: 'own', keys: ['a'] };
    expect(v.parse(redactOptions, ['jwt', own].slice(1))).toEqual([own]);
    expect(v.parse(redactOptions, ['card_numbers', own]).map((rule) => rule.name)).toEqual(['card_numbers', 'own']);
  });

  it.each([
    ['defaults', '0: "defaults": expected a rule, or the name of a built-in one: default, not_secret,'],
    [7, '0: 7: expected a rule, or the name of a built-in one'],
    [{ name: 'x' }, '0: hides nothing: expected one of keys, keep, query, userinfo, pattern'],
    [{ keys: ['a'] }, '0.name: missing: expected a name'],
    [{ name: 'a b', keys: ['a'] }, '0.name: "a b": expected a name'],
    [{ name: 'x', key: ['a'] }, '0.key: unknown key, did you mean keys?'],
    [{ name: 'x', pattern: 'a(' }, '0.pattern: "a(": not a regular expression: missing closing ) (character 1)'],
    [
      { name: 'x', pattern: 'ab(?=c)' },
      'look-ahead is not supported, as it takes more than linear time: (?= (character 3)',
    ],
    [{ name: 'x', pattern: '(a)\\1' }, 'back-references are not supported, as they take more than linear time'],
    [{ name: 'x', pattern: 'a*' }, '0.pattern: "a*": matches the empty text'],
    [{ name: 'x', keys: ['a'], contains: ['abc'] }, '0: contains and luhn belong to a pattern'],
    [{ name: 'x', pattern: 'abc', contains: ['a'] }, '0.contains.0: "a": expected at least 3 characters'],
    [{ name: 'x', query: ['a=b'] }, '0.query.0: "a=b": expected a parameter name'],
  ])('refuses %j: %s', (entry, message) => {
    expect(messages(entry)[0]).toContain(message);
  });
});
