import fc from 'fast-check';
import { RE2JS } from 're2js';
import { describe, expect, it } from 'vitest';
import { programSize } from '../../src/regex/program-size.ts';
import { compileRegex, compileTogether } from '../../src/regex/regex.ts';

const atom = fc.constantFrom(
  'a',
  'é',
  '.',
  '\\d',
  '\\pL',
  '\\x{1f600}',
  '[^a-z]',
  '[]x]',
  '[[:alpha:]_]',
  '\\Qab\\E',
  '\\b',
  '{',
);
const pattern = fc.letrec<{ all: string }>((tie) => ({
  all: fc.oneof(
    { maxDepth: 4 },
    atom,
    fc.tuple(tie('all'), tie('all')).map(([a, b]) => a + b),
    fc
      .tuple(tie('all'), fc.constantFrom('*', '+?', '?', '{2,}', '{7}', '{0,9}', '{3,5}?'))
      .map(([a, n]) => `(?:${a})${n}`),
    fc.tuple(tie('all'), fc.constantFrom('(', '(?P<n>', '(?i:')).map(([a, open]) => `${open}${a})`),
    fc.tuple(tie('all'), tie('all')).map(([a, b]) => `(?:${a}|${b})`),
  ),
})).all;

function sizeOf(text: string): number {
  try {
    return RE2JS.compile(text).programSize();
  } catch {
    return 0;
  }
}

describe('the size of a pattern, told before it is compiled', () => {
  it('is hardly less than what it compiles to, and without branches hardly more', () => {
    fc.assert(
      fc.property(pattern, (text) => {
        const size = sizeOf(text);
        const about = programSize(text);
        expect(size).toBeLessThan(2 * about + 10);
        if (!text.includes('|') && !/\)[*+?{]/.test(text) && size > 0) expect(about).toBeLessThan(4 * size + 10);
      }),
      { numRuns: 300, seed: 7 },
    );
  });

  it.each([
    'x{1000}'.repeat(500),
    '(?:x?){1000}'.repeat(300),
    'x{0,1000}'.repeat(400),
    '[^a-z]{1000}'.repeat(300),
    '((x{30}){33})'.repeat(300),
    '(?:\\b){1000}'.repeat(300),
    Array.from({ length: 300 }, (_, i) => `${i}{1000}`).join('|'),
    `(?i)${'[à-￿]'.repeat(600)}`,
    `(?i)[${'à-￿'.repeat(900)}]`,
    `(?s-i:a)(?mi:${'[\\x{e0}-\\x{1ffff}x]'.repeat(150)})`,
  ])('refuses what would take seconds to compile: %.20s…', (text) => {
    expect(compileRegex(text)).toMatchObject({ problem: expect.stringMatching(/^too large: about \d+ instructions/) });
  });

  it.each(['(?i)[à-￿]+', '(?i)[^a-z]{300}', '(?i)\\p{L}{100}', '(?i)[A-\\x{10ffff}]{900}', '[à-￿]{1,900}', '(?i)a-￿'])(
    'is no limit for %s',
    (text) => expect(compileRegex(text)).not.toHaveProperty('problem'),
  );

  it('is no limit for long lists of words', () => {
    const words = Array.from({ length: 600 }, (_, i) => `w${i}.`).join('|');
    expect(compileRegex(`^(?:${words})$`.slice(0, 3000).replace(/\|[^|]*$/, ')$'))).not.toHaveProperty('problem');
  });
});

it('patterns that are compiled in one go may be so large together', () => {
  const problems = compileTogether(() => Array.from({ length: 60 }, (_, i) => compileRegex(`a${i}.{990}`))).map(
    (made) => 'problem' in made && made.problem,
  );
  expect(problems[0]).toBe(false);
  expect(problems.at(-1)).toBe('too large with the patterns before it: expected 50000 instructions together');
  expect(compileRegex('a.{990}')).not.toHaveProperty('problem');
  const folded = compileTogether(() => Array.from({ length: 500 }, (_, i) => compileRegex(`(?i)${i}[à-￿]`)));
  expect(folded.filter((made) => !('problem' in made)).length).toBeLessThan(400);
  const named = compileTogether(() => Array.from({ length: 30 }, () => compileRegex(`[${'\\pL'.repeat(1300)}]`)));
  expect(named.filter((made) => !('problem' in made)).length).toBeLessThan(10);
});
