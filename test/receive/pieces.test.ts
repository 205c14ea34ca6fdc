import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Refusal } from '../../src/errors.ts';
import { Chunks } from '../../src/receive/chunks.ts';
import { Pieces } from '../../src/receive/pieces.ts';
import { seeded } from '../support/mutate.ts';

/** Whoever pays for a message, as long as there is something left. */
class Purse {
  claimed = 0;
  left: number;

  constructor(left = Number.POSITIVE_INFINITY) {
    this.left = left;
  }

  claim(bytes: number): Refusal | undefined {
    if (this.claimed + bytes > this.left) return new Refusal('inflight_full', 'no more');
    this.claimed += bytes;
    return undefined;
  }
}

const chance = seeded(1);
const source = Buffer.from(Array.from({ length: 1 << 20 }, () => Math.floor(chance() * 256)));
const copyOf = (pieces: Pieces): Buffer => {
  const copy = Buffer.alloc(pieces.length + 2, 0xa5);
  pieces.copyTo(copy, 1);
  expect([copy[0], copy[copy.length - 1]]).toEqual([0xa5, 0xa5]);
  return copy.subarray(1, -1);
};

/** A read buffer: what is read next overwrites it. */
class Reads {
  readonly #bytes = Buffer.alloc(300_000);

  /** Brings `parts` one behind the other, as frames do, each with a head of 9 bytes; `use` gets each. */
  bring(parts: readonly Buffer[], use: (bytes: Buffer, start: number, end: number) => void): void {
    this.#bytes.fill(0xee);
    let at = 0;
    for (const part of parts) {
      at += 9 + part.copy(this.#bytes, at + 9);
      use(this.#bytes, at - part.length, at);
    }
  }
}

describe('a message in pieces', () => {
  it('is what came, however it was cut and over however many reads; and holds at most twice that', () => {
    const reads = fc.array(fc.array(fc.oneof(fc.nat(20), fc.nat(16_384)), { maxLength: 20 }), { maxLength: 12 });
    fc.assert(
      fc.property(reads, fc.boolean(), (lengths, announced) => {
        const [pool, purse] = [new Chunks(), new Purse()];
        const pieces = new Pieces(purse, pool);
        const total = lengths.flat().reduce((sum, length) => sum + length, 0);
        pieces.limit = announced ? total : 1 << 24;
        const read = new Reads();
        let at = 0;
        for (const parts of lengths) {
          expect(copyOf(pieces).equals(source.subarray(0, at))).toBe(true);
          const brought = parts.map((length) => source.subarray(at, (at += length)));
          read.bring(brought, (...stretch) => expect(pieces.put(...stretch)).toBeUndefined());
          expect(copyOf(pieces).equals(source.subarray(0, at))).toBe(true);
          expect(pieces.keep()).toBeUndefined();
          expect(pool.heldBytes).toBeLessThan(Math.max(1025, announced ? total + 1024 : 2 * at + 1024));
          expect(purse.claimed).toBeLessThanOrEqual(pool.heldBytes);
          expect(purse.claimed).toBeGreaterThan(pool.heldBytes - 1024);
          if (announced) expect(purse.claimed).toBeLessThanOrEqual(total);
        }
        expect(Buffer.concat(pieces.parts()).equals(source.subarray(0, at))).toBe(true);
        expect(Buffer.concat([...pieces.drain()].map((part) => Buffer.from(part))).equals(source.subarray(0, at))).toBe(
          true,
        );
        expect([pool.heldBytes, pieces.length]).toEqual([0, 0]);
      }),
      { numRuns: 200 },
    );
  });

  it('that came with one read holds nothing, in frames of 16 KiB', () => {
    const pool = new Chunks();
    const pieces = new Pieces(new Purse(0), pool);
    pieces.limit = 130_000;
    const frames = Array.from({ length: 8 }, (_, i) =>
      source.subarray(i * 16_384, Math.min((i + 1) * 16_384, 130_000)),
    );
    new Reads().bring(frames, (...stretch) => expect(pieces.put(...stretch)).toBeUndefined());
    expect(copyOf(pieces).equals(source.subarray(0, 130_000))).toBe(true);
    expect(pool.heldBytes).toBe(0);
  });

  it('in chunks of one byte holds less than three times its bytes, but for the first thousand', () => {
    const [pool, purse] = [new Chunks(), new Purse()];
    const pieces = new Pieces(purse, pool);
    pieces.limit = 1 << 24;
    for (let at = 0; at < 300_000; at++) {
      const refusal = pieces.put(source, at, at + 1) ?? pieces.keep();
      if (refusal !== undefined) throw new Error(refusal.message);
      if (purse.claimed > Math.max(1024, 3 * (at + 1))) throw new Error(`${purse.claimed} for ${at + 1}`);
    }
    expect(pool.heldBytes).toBe(purse.claimed);
    expect(copyOf(pieces).equals(source.subarray(0, 300_000))).toBe(true);
  });

  it('of 64 MiB announced and one byte sent holds 1 KiB', () => {
    const [pool, purse] = [new Chunks(), new Purse()];
    const pieces = new Pieces(purse, pool);
    pieces.limit = 64 << 20;
    expect(pieces.put(source, 0, 1) ?? pieces.keep()).toBeUndefined();
    expect([pool.heldBytes, purse.claimed]).toEqual([1024, 1024]);
  });

  it('that cannot be paid for is refused, whether at the end of a read or in it, and gives all back', () => {
    for (const tinyFrames of [false, true]) {
      const [pool, purse] = [new Chunks(), new Purse(5000)];
      const pieces = new Pieces(purse, pool);
      pieces.limit = 100_000;
      let refusal: Refusal | undefined;
      for (let at = 0; refusal === undefined && at < 20_000; at += 1000) {
        const cuts = tinyFrames ? Array.from({ length: 100 }, (_, i) => at + i * 10) : [at];
        const parts = cuts.map((from) => source.subarray(from, from + 1000 / cuts.length));
        new Reads().bring(parts, (...stretch) => (refusal ??= pieces.put(...stretch)));
        refusal ??= pieces.keep();
      }
      expect(refusal).toMatchObject({ reason: 'inflight_full' });
      expect(pool.heldBytes).toBeLessThanOrEqual(5000);
      pieces.free();
      pieces.free();
      expect(pool.heldBytes).toBe(0);
    }
  });

  it('may be given up while its chunks are read one after the other', () => {
    const pool = new Chunks();
    const pieces = new Pieces(new Purse(), pool);
    pieces.limit = 1 << 20;
    for (let at = 0; at < 200_000; at += 10_000) pieces.put(source, at, at + 10_000) ?? pieces.keep();
    const parts = pieces.drain()[Symbol.iterator]();
    parts.next();
    parts.next();
    expect(pool.heldBytes).toBeGreaterThan(0);
    pieces.free();
    expect(parts.next()).toMatchObject({ done: true });
    expect([pool.heldBytes, pool.freeBytes > 200_000]).toEqual([0, true]);
  });
});
