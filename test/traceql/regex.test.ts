import { describe, expect, it } from 'vitest';
import { compilePattern } from '../../src/traceql/regex.ts';

describe('a pattern', () => {
  it.each([
    ['foo', 'foo', true],
    ['foo', 'a foo', false],
    ['foo', 'food', false],
    ['foo|bar', 'bar', true],
    ['foo|bar', 'foobar', false],
    ['fo+.*', 'foooo d', true],
    ['SELECT.*', 'SELECT a\nFROM b', true],
    ['(?-s).*', 'a\nb', false],
    ['a$', 'a\n', false],
    ['\\Qa.b\\E', 'a.b', true],
    ['[[:alpha:]]+\\pL', 'abé', true],
    ['(?i)straße', 'STRAẞE', true],
    ['(?i:x)y', 'Xy', true],
    ['(?P<n>a)b', 'ab', true],
    ['.', '😀', true],
    ['', '', true],
    ['a|', '', true],
    ['(?i)GET /[a-c]x', 'get /Bx', true],
    ['(?i)[^a]bc', 'ABC', false],
    ['(?i)\\Dx', '5x', false],
    ['日.語', '日本語', true],
    ['\\d{3}', '404', true],
  ])('%s against %j: %s', (pattern, text, expected) => {
    expect(compilePattern(pattern).test(text)).toBe(expected);
  });

  it.each(['a)|(b', '(?=a)', '\\y', '['])('%s is refused', (pattern) => {
    expect(() => compilePattern(pattern)).toThrow(/character \d/);
  });

  it('cannot be made to hang', () => {
    const started = performance.now();
    expect(compilePattern('(a+)+(a|aa)*(.*.*)*b').test('a'.repeat(5000))).toBe(false);
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it('of nothing but alternatives tells them', () => {
    expect(compilePattern('cart|check out').literals).toEqual(['cart', 'check out']);
    expect(compilePattern('cart.*').literals).toBeUndefined();
  });

  it('may be a list of thousands of names, and is a look-up then', () => {
    const names = Array.from({ length: 2000 }, (_, i) => `service-${i}.shop|${i}`);
    const escaped = names.map((name) => name.replaceAll('.', '\\.').replaceAll('|', '\\|').replaceAll('-', '\\-'));
    for (const list of [escaped.join('|'), `(${escaped.join('|')})`, `(?:${escaped.join('|')})`]) {
      const { literals, test } = compilePattern(list);
      expect(literals).toEqual(names);
      expect([test('service-7.shop|7'), test('service-7xshop|7'), test('service-7.shop')]).toEqual([
        true,
        false,
        false,
      ]);
    }
  });

  it('that needs an engine is bounded', () => {
    expect(() => compilePattern('a.'.repeat(3000))).toThrow('longer than 4096 characters');
  });
});
