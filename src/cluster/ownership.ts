import type { Member } from '../model/member.ts';
import { fnv1a, fnvBasis } from '../tables/fnv.ts';
import { inOrder } from './members/list.ts';

/** Keys that `shareOf` asks for; a member's share of n is off by √(n/keys) or so. */
const sampledKeys = 1 << 14;

/**
 * Which member owns a trace: the one whose name makes the highest number together with the trace's id (rendezvous
 * hashing; Thaler and Ravishankar, "Using name-based mappings to increase hit rates", 1998). Everybody who has the same
 * list, in whatever order, finds the same owner; a member that comes takes its part evenly from all others, and what
 * one had that goes is spread evenly over those that stay. Immutable: a changed list is another Ownership.
 *
 * Only the right half of the id counts: every generator fills it with random bits, while the left one may be zeros, a
 * date (AWS X-Ray) or a constant. The mixing shares no constant with the hash that names the shard (route/route.ts), so
 * what a member owns spreads over all of its shards.
 */
export class Ownership {
  /** By name; `ownerOf` counts in this order. */
  readonly members: readonly Member[];
  /** Two words of each member's name, side by side. */
  readonly #seeds: Int32Array;

  private constructor(members: readonly Member[]) {
    this.members = members;
    this.#seeds = new Int32Array(members.length * 2);
    members.forEach(({ name }, i) => {
      const bytes = new TextEncoder().encode(name);
      this.#seeds[2 * i] = wordOf(bytes, fnvBasis);
      this.#seeds[2 * i + 1] = wordOf(bytes, 0x2c1b3c6d);
    });
  }

  static of(members: readonly Member[]): Ownership {
    return new Ownership(inOrder(members));
  }

  /**
   * The place in `members` of the trace's owner, −1 where there are none. `high` and `low` are the third and the fourth
   * 32 bits of its id, big-endian. Allocates nothing.
   */
  ownerOf(high: number, low: number): number {
    const seeds = this.#seeds;
    const key = keyOf(high, low);
    let owner = seeds.length === 0 ? -1 : 0;
    let most = lowest;
    for (let i = 0; i < seeds.length; i += 2) {
      // lowbias32's steps, with a word of the name before each multiplication.
      let x = key ^ seeds[i];
      x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
      x = (x ^ (x >>> 15)) + seeds[i + 1];
      x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
      const weight = x ^ (x >>> 16) ^ lowest;
      if (weight > most) {
        most = weight;
        owner = i;
      }
    }
    return owner >> 1;
  }

  /** The part of all traces that a member owns, 0 to 1, from a sample of ids. */
  shareOf(index: number): number {
    let owned = 0;
    for (let i = 0; i < sampledKeys; i++) if (this.ownerOf(0, i) === index) owned++;
    return owned / sampledKeys;
  }
}

/** Weights are without a sign; with this bit the other way round signed numbers compare alike, and stay small integers. */
const lowest = 1 << 31;

/** MurmurHash3's body for two words. */
function keyOf(high: number, low: number): number {
  let hash = block(0x3c6ef372, high);
  hash = block(hash, low);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return hash ^ (hash >>> 13);
}

function block(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const mixed = hash ^ k;
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

/** FNV-1a of 32 bits from `basis`, mixed at the end so that names that differ in their last character differ in all bits. */
function wordOf(bytes: Uint8Array, basis: number): number {
  let hash = fnv1a(bytes, 0, bytes.length, basis);
  hash = Math.imul(hash ^ (hash >>> 16), 0x21f0aaad);
  hash = Math.imul(hash ^ (hash >>> 15), 0x735a2d97);
  return hash ^ (hash >>> 15);
}
