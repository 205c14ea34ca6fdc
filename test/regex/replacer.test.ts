import { describe, expect, it } from 'vitest';
import { compileReplacer, type Replacer } from '../../src/regex/replacer.ts';

function compiled(pattern: string): Replacer {
  const made = compileReplacer(pattern);
  if ('problem' in made) throw new Error(made.problem);
  return made;
}
const hidden = (pattern: string, text: string) => compiled(pattern).replace(text, (match) => `<${match}>`, '…');

describe('a replacer', () => {
  it.each([
    ['TCK-[0-9]{8}', 'of TCK-12345678 and TCK-1234', 'of <TCK-12345678> and TCK-1234'],
    ['(?i)cust-\\d+', 'Cust-1, CUST-22', '<Cust-1>, <CUST-22>'],
    ['(?<=ticket )\\d+', 'ticket 12 of 13', 'ticket <12> of 13'],
    ['(?<!x)a', 'xa a', 'xa <a>'],
    ['a|ab', 'ab', '<a>b'],
    ['ü+', 'für üü 😀ü', 'f<ü>r <üü> 😀<ü>'],
    ['b', 'aaa', 'aaa'],
    ['(?<=a)x*', 'axa', 'a<x>a<>'],
  ])('%j in %j: %s', (pattern, text, expected) => {
    expect(hidden(pattern, text)).toBe(expected);
  });

  it('knows of a pattern that matches nothing at all', () => {
    expect([compiled('a*').matchesEmpty, compiled('a+').matchesEmpty]).toEqual([true, false]);
  });

  it('gives up the rest of a text with too many matches', () => {
    expect(hidden('a', 'a'.repeat(256))).toBe('<a>'.repeat(256));
    expect(hidden('a', ` a${'a'.repeat(256)} b`)).toBe(` ${'<a>'.repeat(256)}…`);
  });

  it.each([
    ['(a+)+b', 'a'.repeat(60_000)],
    ['(?<=x)(a|a)*b', `x${'a'.repeat(60_000)}`],
    ['(?:\\w+\\s?)*;', 'ab '.repeat(20_000)],
    // Behind each short match the rest is searched for a longer one.
    ['a(?:.*b)?', 'a'.repeat(20_000)],
  ])('%j takes bounded time', (pattern, text) => {
    const { user } = process.cpuUsage();
    hidden(pattern, text);
    expect((process.cpuUsage().user - user) / 1e6).toBeLessThan(8);
  });
});
