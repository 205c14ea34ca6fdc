import { describe, expect, it } from 'vitest';
import { KeyedHash } from '../../src/tables/keyed-hash.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const of = (hash: KeyedHash, ...pieces: string[]): number => {
  hash.start();
  for (const piece of pieces) hash.add(bytes(piece));
  return hash.value();
};

describe('a keyed hash', () => {
  const hash = new KeyedHash(1, 2);

  it('is the same for the same pieces, whatever was hashed before', () => {
    const first = of(hash, 'resource', 'rest');
    of(hash, 'something else');
    expect(of(hash, 'resource', 'rest')).toBe(first);
  });

  it('goes on from a value', () => {
    const once = of(hash, 'a', 'b', 'c');
    hash.start().add(bytes('a')).add(bytes('b')).value();
    expect(hash.add(bytes('c')).value()).toBe(once);
  });

  it('tells pieces apart by their borders, their zeros and their length', () => {
    const all = [['ab', 'c'], ['a', 'bc'], ['abc'], ['abc', ''], ['', 'abc'], ['abc\0'], ['\0abc'], [''], ['', '']];
    expect(new Set(all.map((pieces) => of(hash, ...pieces))).size).toBe(all.length);
  });

  it('differs with the key', () => {
    expect(of(new KeyedHash(1, 3), 'resource')).not.toBe(of(hash, 'resource'));
    expect(of(new KeyedHash(2, 2), 'resource')).not.toBe(of(hash, 'resource'));
  });

  it('spreads texts that hardly differ', () => {
    const counts = new Array(256).fill(0);
    for (let i = 0; i < 25_600; i++) counts[of(hash, `service-${i}`) & 255]++;
    expect(Math.max(...counts)).toBeLessThan(160);
    expect(Math.min(...counts)).toBeGreaterThan(50);
  });
});
