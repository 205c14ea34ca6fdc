import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeJson } from '../../../src/decode/json.ts';
import { MalformedError } from '../../../src/wire/reader.ts';

/** Why a text that stands under a key nobody knows is refused; undefined where it is JSON. */
function refusalOf(text: string): string | undefined {
  try {
    decodeJson(Buffer.from(`{"x":${text}}`));
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

describe('where a text stops being JSON', () => {
  it.each([
    ['', 'expected a value at byte 0, found the end of the text'],
    ['  ', 'expected a value at byte 2, found the end of the text'],
    ['{"a": 1', 'expected , or } at byte 7, found the end of the text'],
    ['{"a": 1,}', 'expected a key at byte 8, found "}"'],
    ['{"a" 1}', 'expected : at byte 5, found "1}"'],
    ["{'a': 1}", `expected a key or } at byte 1, found "'a': 1}"`],
    ['{}}', 'expected the end at byte 2, found "}"'],
    ['{} {}', 'expected the end at byte 3, found "{}"'],
    ['\u{feff}{"größe": x}', 'expected a value at byte 15, found "x}"'],
    ['resource', 'expected a value at byte 0, found "resource"'],
    ['{"\\u0072esource_', 'expected a key or } at byte 1, found "\\"resource_"'],
    ['{"a":"\\u0072\\u0065\\x", "b":1}', 'expected a value at byte 5, found "\\"re\\\\x\\", \\"b\\":1}"'],
  ])('%j', (text, message) => {
    expect(() => decodeJson(Buffer.from(text))).toThrow(new MalformedError(`not JSON: ${message}`));
  });

  it.each([
    ['[1 2]', 'expected , or ] at byte 8, found "2]}"'],
    ['[1}', 'expected , or ] at byte 7, found "}}"'],
    ['[nul]', 'expected a value or ] at byte 6, found "nul]}"'],
    ['[nullx]', 'expected a value or ] at byte 6, found "nullx]}"'],
    ['[01]', 'expected a value or ] at byte 6, found "01]}"'],
    ['[-]', 'expected a value or ] at byte 6, found "-]}"'],
    ['[1.]', 'expected a value or ] at byte 6, found "1.]}"'],
    ['[1e]', 'expected a value or ] at byte 6, found "1e]}"'],
    ['["\\x"]', 'expected a value or ] at byte 6, found "\\"\\\\x\\"]}"'],
    ['["\\u12"]', 'expected a value or ] at byte 6, found "\\"\\\\u12\\"]}"'],
    ['["a\nb"]', 'expected a value or ] at byte 6, found "\\"a\\nb\\"]}"'],
    ['["open', 'expected a value or ] at byte 6, found "\\"open}"'],
  ])('%j under a key', (text, message) => {
    expect(refusalOf(text)).toBe(`not JSON: ${message}`);
  });

  it('is nowhere in what is JSON, whatever it is', () => {
    fc.assert(
      fc.property(fc.json({ stringUnit: 'binary' }), (text) => {
        expect(refusalOf(text)).toBeUndefined();
      }),
    );
  });

  it('is found whenever JSON.parse fails, and only then', () => {
    const mark = fc.constantFrom('}', ']', ',', ':', '"', 'x', '', '\\', '0', '-', '.', 'e', '\\u00', ' ');
    fc.assert(
      fc.property(fc.json(), fc.nat(), mark, (text, at, mark) => {
        const cut = at % (text.length + 1);
        const broken = text.slice(0, cut) + mark + text.slice(cut + 1);
        expect(refusalOf(broken) === undefined).toBe(isParsed(`{"x":${broken}}`));
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
