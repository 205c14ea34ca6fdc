import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anchorsOf } from '../../src/enrich/anchors.ts';
import { defaultRules } from '../../src/enrich/default-rules.ts';
import { Suspects } from '../../src/enrich/suspects.ts';

const anchors = { ...anchorsOf(defaultRules), userinfo: false };
const suspects = new Suspects(anchors);
const isSuspect = (text: string): boolean => anchors.texts.some((anchor) => text.toLowerCase().includes(anchor));

/** The text in memory of its own that begins so many bytes before it and ends so many behind it. */
function inMemory(text: string, before: number, behind: number): [Uint8Array, number, number] {
  const bytes = Buffer.from(text, 'latin1');
  const memory = new Uint8Array(before + bytes.length + behind);
  memory.set(bytes, before);
  return [memory, before, before + bytes.length];
}

describe('what a redaction rule could find', () => {
  it('is seen at every address, in either case, up to the ends of the memory', () => {
    for (const anchor of anchors.texts) {
      for (const text of [anchor, anchor.toUpperCase(), `${anchor[0].toUpperCase()}${anchor.slice(1)}`]) {
        for (let before = 0; before < 5; before++) {
          for (let behind = 0; behind < 5; behind++) {
            const [memory, start, end] = inMemory(text, before, behind);
            expect(suspects.among(memory, start, end), `${text}, ${before} bytes in`).toBe(true);
            expect(suspects.among(memory.subarray(start), 0, end - start), `${text} in a part`).toBe(true);
            // One byte less is not enough; what is beside does not count.
            const less = isSuspect(text.slice(1)) || isSuspect(text.slice(0, -1));
            expect(suspects.among(memory, start + 1, end) || suspects.among(memory, start, end - 1)).toBe(less);
          }
        }
      }
    }
  });

  it('is what holds one of the rules’ anchors, and nothing else', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary-ascii', maxLength: 9 }),
      fc
        .constantFrom(...anchors.texts)
        .chain((anchor) => fc.nat(anchor.length).map((length) => anchor.slice(0, length))),
      fc.constantFrom(...anchors.texts, 'http.route', 'user_agent.original', '/api/v1/orders', 'SELECT 1'),
    );
    const seen = new Set<boolean>();
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 5 }), fc.nat(4), fc.nat(4), (pieces, before, behind) => {
        const text = pieces.join('');
        seen.add(isSuspect(text));
        expect(suspects.among(...inMemory(text, before, behind)), JSON.stringify(text)).toBe(isSuspect(text));
      }),
      { numRuns: 5_000 },
    );
    expect(seen.size).toBe(2);
  });

  it('is a URL with a user wherever it stands among others without', () => {
    const urls = new Suspects({ texts: [], userinfo: true, digits: false, always: false });
    const without = ['http://a/', 'http://a:1/b ', 'http://a:b/', '://', 'x@ ', '\n'];
    const parts = fc.array(fc.constantFrom(...without), { maxLength: 6 });
    fc.assert(
      fc.property(parts, parts, fc.nat(4), (before, behind, at) => {
        const seen = urls.among(...inMemory(`${before.join('')} http://u:p@h/ ${behind.join('')}`, at, 0));
        expect(seen).toBe(true);
      }),
    );
    expect(urls.among(...inMemory('http://a:b/http://c ://:/ x@h', 0, 0))).toBe(false);
    expect(urls.among(...inMemory('http://a:b/http://c ://:/x@h', 0, 0))).toBe(true);
  });
});
