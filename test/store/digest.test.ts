import { describe, expect, it } from 'vitest';
import { joinedDigest, somePart, writeDigest } from '../../src/store/digest.ts';
import { TermSet } from '../../src/store/term-set.ts';
import { Writer } from '../../src/wire/writer.ts';

function digestOf(first: number, count: number, { errors = 0, longestNs = 0 } = {}): Uint8Array {
  const terms = new TermSet();
  for (let i = 0; i < count; i++) terms.add(Math.imul(first + i, 0x9e3779b1) | 1);
  return writeDigest({ terms, errors, longestNs }, new Writer());
}
const has = (digest: Uint8Array, i: number): boolean =>
  somePart(digest, (part) => part.has({ term: Math.imul(i, 0x9e3779b1) | 1, fnvTerm: 0 }));

describe('a digest has an end', () => {
  it('where parts of a trace come day in, day out: no part is forgotten, and the largest and worst neither', () => {
    let digest = digestOf(0, 20, { errors: 2 });
    let largest = 0;
    for (let part = 1; part < 3000; part++) {
      digest = joinedDigest(digest, digestOf(part * 20, 20, { longestNs: part === 700 ? 5e9 : 1, errors: part % 2 }));
      largest = Math.max(largest, digest.length);
    }
    expect(largest).toBeLessThanOrEqual(64 * 1024);
    expect(Array.from({ length: 3000 }, (_, part) => has(digest, part * 20 + 7))).not.toContain(false);
    let [errors, longestNs] = [0, 0];
    somePart(digest, (part) => {
      errors += part.errors;
      longestNs = Math.max(longestNs, part.longestNs);
      return false;
    });
    expect({ errors, longestNs }).toEqual({ errors: 1502, longestNs: 5e9 });
  });

  it('where one part has a hundred thousand terms', () => {
    const digest = digestOf(0, 100_000);
    // Alone it is that of its trace as it is, and still says no to some.
    expect(Buffer.from(joinedDigest(new Uint8Array(0), digest))).toEqual(Buffer.from(digest));
    expect(Array.from({ length: 100 }, (_, i) => has(digest, 200_000 + i))).toContain(false);
    expect(digest.length).toBeLessThanOrEqual(64 * 1024);
    expect(Array.from({ length: 100_000 }, (_, i) => has(digest, i))).not.toContain(false);
  });

  it('and parts that fit beside each other stay as they are', () => {
    const [one, two] = [digestOf(0, 20), digestOf(20, 20)];
    expect(Buffer.from(joinedDigest(one, two))).toEqual(Buffer.concat([one, two]));
    expect(has(joinedDigest(one, two), 1_000_000)).toBe(false);
  });
});
