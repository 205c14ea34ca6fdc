import type { TraceFacts } from '../model/predicates.ts';

const utf8 = new TextEncoder();

/**
 * A share of all traces by FNV-1a of a salt and the trace id, 64 bits: the same traces as of a Collector with that salt.
 * Source: tail_sampling's probabilistic policy, internal/sampling/probabilistic.go: hash ≤ share × (2^64 − 1).
 */
export function saltedShare(share: number, salt: string): (facts: Pick<TraceFacts, 'id'>) => boolean {
  let [high, low] = [0xcbf29ce4, 0x84222325];
  const add = (byte: number): void => {
    const mixed = (low ^ byte) >>> 0;
    // × 2^40 + 0x1b3, modulo 2^64.
    const product = mixed * 0x1b3;
    low = product >>> 0;
    high = (high * 0x1b3 + Math.floor(product / 2 ** 32) + ((mixed << 8) >>> 0)) % 2 ** 32;
  };
  for (const byte of utf8.encode(salt)) add(byte);
  const [saltHigh, saltLow] = [high, low];
  const most = share >= 1 ? 2n ** 64n - 1n : BigInt(Math.floor(share * 2 ** 64));
  const [mostHigh, mostLow] = [Number(most >> 32n), Number(most & 0xffff_ffffn)];
  return ({ id }) => {
    high = saltHigh;
    low = saltLow;
    for (let i = 0; i < 16; i++) add((id[i >> 2] >>> (24 - 8 * (i & 3))) & 0xff);
    return high !== mostHigh ? high < mostHigh : low <= mostLow;
  };
}
