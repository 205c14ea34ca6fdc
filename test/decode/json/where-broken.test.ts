import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { whereBroken } from '../../../src/decode/json/where-broken.ts';

describe('where a text stops being JSON', () => {
  it.each([
    ['', 'expected a value at character 0, found the end of the text'],
    ['{"a": 1', 'expected , or } at character 7, found the end of the text'],
    ['{"a": 1,}', 'expected a key at character 8, found "}"'],
    ['{"a" 1}', 'expected : at character 5, found "1}"'],
    ['[1 2]', 'expected , or ] at character 3, found "2]"'],
    ['[1]]', 'expected the end at character 3, found "]"'],
    ['[1}', 'expected , or ] at character 2, found "}"'],
    ["{'a': 1}", `expected a key or } at character 1, found "'a': 1}"`],
    ['[nul]', 'expected a value or ] at character 1, found "nul]"'],
    ['[01]', 'expected a value or ] at character 1, found "01]"'],
    ['["\\x"]', 'expected a value or ] at character 1, found "\\"\\\\x\\"]"'],
    ['["a\nb"]', 'expected a value or ] at character 1, found "\\"a\\nb\\"]"'],
    ['["open', 'expected a value or ] at character 1, found "\\"open"'],
    ['resource', 'expected a value at character 0, found "resource"'],
  ])('%j', (text, message) => {
    expect(whereBroken(text)).toBe(message);
  });

  it('is the very end for what is JSON, whatever it is', () => {
    fc.assert(
      fc.property(fc.json({ stringUnit: 'binary' }), (text) => {
        expect(whereBroken(text)).toBe(`expected the end at character ${text.length}, found the end of the text`);
      }),
    );
  });

  it('is found whenever JSON.parse fails', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), fc.constantFrom('}', ']', ',', ':', '"', 'x', ''), (text, at, mark) => {
        const cut = at % (text.length + 1);
        const broken = text.slice(0, cut) + mark + text.slice(cut + 1);
        const isJson = isParsed(broken);
        expect(
          whereBroken(broken) === `expected the end at character ${broken.length}, found the end of the text`,
        ).toBe(isJson);
      }),
    );
  });
});

function isParsed(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
