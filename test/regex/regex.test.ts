import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { literalsOf } from '../../src/regex/literals.ts';
import { compileRegex, isProblem, type Regex, type RegexProblem } from '../../src/regex/regex.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

function compiled(pattern: string): Regex {
  const made = compileRegex(pattern);
  if (isProblem(made)) throw new Error(`${pattern}: ${made.problem}`);
  return made;
}

/** Looks in the middle of other bytes, as attribute values stand among theirs, and in a text. */
function matches(pattern: string, text: string): boolean {
  const regex = compiled(pattern);
  const value = bytes(text);
  const around = new Uint8Array(value.length + 8).fill(0x61);
  around.set(value, 4);
  const found = regex.test(around, 4, 4 + value.length);
  expect(regex.testText(text)).toBe(found);
  return found;
}

describe('a regular expression', () => {
  it.each([
    ['error', 'an error came', true],
    ['error', 'an erro', false],
    ['^/api', '/api/v1', true],
    ['^/api', 'x/api', false],
    ['\\.js$', '/a.js', true],
    ['\\.js$', '/ajs', false],
    ['^(?:staging|test)$', 'test', true],
    ['^(?:staging|test)$', 'tests', false],
    ['^a|b$', 'ab', true],
    ['^a|b$', 'ba', false],
    ['', 'anything', true],
    ['a|', 'zzz', true],
    ['^$', '', true],
    ['^$', 'a', false],
    ['.*timeout.*', 'a\ntimeout\nb', true],
    ['^.*timeout', 'a\ntimeout', false],
    ['^(a|b.*)$', 'b\nc', false],
    ['^(a|b.*)$', 'bc', true],
    ['^(.*b)$', 'a\nb', false],
    ['a.c', 'a\nc', false],
    ['(?s)a.c', 'a\nc', true],
    ['a$', 'a\n', false],
    ['(?m)a$', 'a\n', true],
    ['(?i)STRASSE', 'straſſe', true],
    ['(?i)k', '\u212a', true],
    ['^.$', 'é', true],
    ['^.$', '😀', true],
    ['^..$', '😀', false],
    ['\\d', '٣', false],
    ['\\pN', '٣', true],
    ['\\bfoo\\b', 'a foo b', true],
    ['\\Qa.b\\E', 'a.b', true],
    ['\\Qa.b\\E', 'axb', false],
    ['[[:upper:]]{2}', 'aBc', false],
    ['x{2,3}y', 'axxxy', true],
    ['\\x{1F600}', '😀', true],
    ['a\\|b', 'a|b', true],
    ['é|ü', 'für', true],
  ])('%j of %j: %s', (pattern, text, expected) => {
    expect(matches(pattern, text)).toBe(expected);
  });

  it.each([
    ['(ab', 'missing closing )', 0],
    ['a[b', 'missing closing ]: [b', 1],
    ['a**', 'invalid nested repetition operator: **', 1],
    ['x(?=y)', 'look-ahead is not supported, as it takes more than linear time: (?=', 1],
    ['x(?<=y)', 'invalid', 1],
    ['(a)\\1', 'back-references are not supported, as they take more than linear time: \\1', 3],
    ['a{1001}', 'invalid repeat count: {1001}', 1],
    ['x\ud800', 'half of a surrogate pair', 1],
    ['(\\pL|x){1000}', 'too large: ', 0],
    ['a'.repeat(4097), 'longer than 4096 characters', 4096],
  ])('%j is refused: %s', (pattern, problem, at) => {
    const made = compileRegex(pattern) as RegexProblem;
    expect(made.problem).toContain(problem);
    expect(made.at).toBe(at);
  });

  it('is made of any text, or says what is wrong and where', () => {
    const signs = fc.constantFrom(
      ...'ab1 .*+?()[]{}|^$\\-:,=!<>PQEpLdwsbzAuixms&'.split(''),
      '(?i)',
      '[[:alpha:]]',
      '\\p{',
      'é',
      '\ud800',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.array(signs).map((all) => all.join('')),
        ),
        (pattern) => {
          const made = compileRegex(pattern);
          if (!isProblem(made)) return typeof made.testText('ab1 a(b)\n') === 'boolean';
          expect(made.problem).not.toBe('');
          expect(made.at).toBeGreaterThanOrEqual(0);
          expect(made.at).toBeLessThanOrEqual(pattern.length);
          return true;
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('a pattern of literals', () => {
  it('needs no engine, and means what the engine would say', () => {
    const word = fc.stringMatching(/^[ab.\\\n]{0,4}$/).map((text) => text.replace(/[.\\]/g, '\\$&'));
    const alternative = fc
      .tuple(fc.constantFrom('', '^', '.*'), word, fc.constantFrom('', '$', '.*'))
      .map((parts) => parts.join(''));
    const list = fc.array(alternative, { minLength: 1, maxLength: 3 }).map((all) => all.join('|'));
    const grouped = fc
      .tuple(fc.constantFrom('', '^'), list, fc.constantFrom('', '$'), fc.constantFrom('(', '(?:'))
      .map(([open, inner, close, group]) => `${open}${group}${inner})${close}`);
    let literal = 0;
    fc.assert(
      fc.property(fc.oneof(list, grouped), fc.stringMatching(/^[ab.\\\n]{0,8}$/), (pattern, text) => {
        if (literalsOf(pattern) !== undefined) literal++;
        // An empty group says nothing, but no literal has one.
        expect(matches(pattern, text)).toBe(
          matches(`(?:)${pattern.startsWith('^(') || pattern.startsWith('(') ? pattern : `(?:${pattern})`}`, text),
        );
      }),
      { numRuns: 3000 },
    );
    expect(literal).toBeGreaterThan(1000);
  });

  it.each(['GET', '^/healthz$', '^(?:a|b)$', '.*a\\.b.*', 'a-b_c/d:e@f'])('%j is one', (pattern) => {
    expect(literalsOf(pattern)).toBeDefined();
  });

  it.each(['a.b', '[ab]', '(?i)a', 'a+', '^.*a', '(a)(b)', 'a\\d', '\ufffd', '^(a.*)$'])('%j is none', (pattern) => {
    expect(literalsOf(pattern)).toBeUndefined();
  });
});

describe('what a stranger sends to what an operator wrote', () => {
  const hostile: readonly (readonly [string, string])[] = [
    ['(a+)+$', 'a'],
    ['(a|a)*b', 'a'],
    ['(a|b)*a(a|b){20}$', 'ab'],
    ['a[ab]{300}[0-9]', 'ab'],
    ['(.*a){20}$', 'ab '],
    ['^(\\w+\\s?)*$', 'ab '],
    ['([a-z]*[a-y]*){100}\\d', 'abz'],
    [`${'a'.repeat(999)}b`, 'a'],
  ];

  it.each(hostile)('%j costs time by the length of the text alone', (pattern, letters) => {
    const of = (length: number) => {
      let seed = 1;
      const text = Array.from(
        { length },
        () => letters[(seed = (Math.imul(seed, 48271) % 0x7fffffff) >>> 0) % letters.length],
      ).join('');
      return bytes(`${text}!`);
    };
    const cpuMs = (length: number) => {
      const text = of(length);
      const { user } = process.cpuUsage();
      compiled(pattern).test(text, 0, text.length);
      return (process.cpuUsage().user - user) / 1000;
    };
    cpuMs(4000);
    // Sixteen times the text: a square would be 256 times the time.
    expect(cpuMs(32_000)).toBeLessThan(48 * Math.max(cpuMs(2000), 2));
  });

  it('is not searched by an automaton that asks for ever new states, and answers the same', () => {
    let seed = 7;
    const text = () =>
      Array.from(
        { length: 500 },
        () => 'aaabbb1'[((seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) >> 12) % 7],
      ).join('');
    const regex = compiled('a[ab]{12}[0-9]');
    const plain = /a[ab]{12}[0-9]/;
    const { user } = process.cpuUsage();
    let found = 0;
    for (let n = 0; n < 1000; n++) {
      const each = text();
      const expected = plain.test(each);
      if (expected) found++;
      expect(regex.testText(each)).toBe(expected);
    }
    expect(found).toBeGreaterThan(100);
    expect(found).toBeLessThan(1000);
    // A character took 5 µs before, and half of one since.
    expect((process.cpuUsage().user - user) / 500_000).toBeLessThan(3);
  });

  it('holds no more states than it may', () => {
    const regex = compiled('(a|b)*a(a|b){20}$');
    globalThis.gc?.();
    const before = process.memoryUsage().heapUsed;
    let seed = 7;
    for (let i = 0; i < 300; i++) {
      const text = Array.from(
        { length: 500 },
        () => 'ab'[((seed = Math.imul(seed, 48271) & 0x7fffffff) >> 9) & 1],
      ).join('');
      regex.testText(text);
    }
    globalThis.gc?.();
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(4 * 1024 * 1024);
  });
});
