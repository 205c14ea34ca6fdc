import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hashBytes, spread } from '../../src/tables/word-hash.ts';

function hashOf(bytes: Uint8Array, offset = 0, basis = 7): number {
  const room = new Uint8Array(offset + bytes.length + 3).fill(0xee);
  room.set(bytes, offset);
  return hashBytes(new DataView(room.buffer), offset, offset + bytes.length, basis);
}

it('is the same wherever the bytes lie, and another one behind another basis', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(9), (bytes, offset) => {
      expect(hashOf(bytes, offset)).toBe(hashOf(bytes));
      expect(hashOf(bytes, offset, 8)).not.toBe(hashOf(bytes));
    }),
  );
});

it('tells short runs of bytes from each other, and those of which one byte differs', () => {
  const letters = [0, 1, 0x61, 0x80, 0xff];
  let runs: number[][] = [[]];
  const all: number[][] = [[]];
  for (let length = 1; length <= 5; length++) {
    runs = runs.flatMap((run) => letters.map((letter) => [...run, letter]));
    all.push(...runs);
  }
  expect(new Set(all.map((run) => hashOf(Uint8Array.from(run)))).size).toBe(all.length);
  const long = new Uint8Array(31).fill(0x61);
  const changed = Array.from(long, (_, at) => long.map((byte, i) => (i === at ? byte + 1 : byte)));
  expect(new Set([long, ...changed].map((run) => hashOf(run))).size).toBe(32);
});

it('spreads runs that differ in their last bytes alone over all there is', () => {
  const terms = Array.from({ length: 20_000 }, (_, i) => spread(hashOf(Buffer.from(`user-${i}`))) >>> 0);
  const tenths = new Array(10).fill(0);
  for (const term of terms) tenths[Math.floor((term / 2 ** 32) * 10)]++;
  for (const count of tenths) expect(Math.abs(count - 2000)).toBeLessThan(400);
});

const base64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

it.each([
  ['numbers', (i: number) => String(i).padStart(4, '0')],
  ['hexadecimal numbers', (i: number) => i.toString(16).padStart(3, '0')],
  ['signs of base64', (i: number) => base64[i % 64] + base64[i >>> 6]],
  ['addresses', (i: number) => `10.${i % 10}.${Math.floor(i / 10) % 10}.${Math.floor(i / 100)}`],
])('keeps %s apart wherever in the words they stand, and whatever stands behind', (_, idOf) => {
  for (let before = 0; before < 8; before++)
    for (let behind = 0; behind < 8; behind++) {
      const ids = Array.from(
        { length: 2000 },
        (_, i) => 'service.'.slice(0, before) + idOf(i) + '.example'.slice(0, behind),
      );
      expect([before, behind, new Set(ids.map((id) => hashOf(Buffer.from(id)))).size]).toEqual([before, behind, 2000]);
    }
});
