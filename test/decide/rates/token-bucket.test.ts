import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { TokenBucket } from '../../../src/decide/rates/token-bucket.ts';

const bucketOf = (rate: number, capacity: number, words = new Int32Array(1)) => new TokenBucket(words, rate, capacity);
/** How many of `n` ask and get `tokens` each at `now`. */
const taken = (bucket: TokenBucket, n: number, tokens: number, now: number): number =>
  Array.from({ length: n }, () => bucket.take(0, tokens, now)).filter(Boolean).length;

describe('a token bucket', () => {
  it('is full at first, and fills at its rate up to its capacity', () => {
    const bucket = bucketOf(10, 20);
    expect(taken(bucket, 30, 1, 5_000)).toBe(20);
    expect(taken(bucket, 30, 1, 6_000)).toBe(10);
    expect(taken(bucket, 30, 1, 6_100)).toBe(1);
    expect(taken(bucket, 30, 1, 60_000)).toBe(20);
  });

  it('gives all or none', () => {
    const bucket = bucketOf(10, 20);
    expect(bucket.holds(20)).toBe(true);
    expect(bucket.holds(21)).toBe(false);
    expect(bucket.take(0, 15, 0)).toBe(true);
    expect(bucket.take(0, 6, 0)).toBe(false);
    expect(bucket.take(0, 5, 0)).toBe(true);
  });

  it('takes back what was not needed', () => {
    const bucket = bucketOf(10, 20);
    bucket.take(0, 20, 0);
    bucket.giveBack(0, 20);
    expect(taken(bucket, 30, 1, 0)).toBe(20);
  });

  it('comes to its rate over an hour, slow or fast, whenever the clock began', () => {
    for (const [rate, tokens, startMs] of [
      [0.1, 1, 0],
      [7, 1, 123_456_789],
      [1_000_000, 500, 3e9],
      [1e9, 40_000, 1e12],
    ]) {
      const capacity = Math.max(tokens, 2 * rate);
      const bucket = bucketOf(rate, capacity);
      let sum = 0;
      const stepMs = Math.min(100, (tokens / rate) * 250);
      const steps = Math.min(400_000, 3_600_000 / stepMs);
      for (let step = 1; step <= steps; step++) if (bucket.take(0, tokens, startMs + step * stepMs)) sum += tokens;
      const come = (rate * steps * stepMs) / 1000;
      expect(sum, `${rate} a second`).toBeGreaterThan(come * 0.98);
      expect(sum, `${rate} a second`).toBeLessThanOrEqual((come + capacity) * 1.002 + tokens);
    }
  });

  it('is full after any silence, however often its counter went round', () => {
    for (const minutes of [1, 60, 70, 24 * 60, 49 * 24 * 60]) {
      const bucket = bucketOf(1_000_000, 100_000);
      bucket.take(0, 100_000, 1000);
      expect(taken(bucket, 11, 10_000, 1000 + minutes * 60_000 + 7), `${minutes} min`).toBe(10);
    }
  });

  it('gives nothing twice to a shard whose clock reading is older', () => {
    const bucket = bucketOf(1000, 1000);
    expect(taken(bucket, 2000, 1, 10_000)).toBe(1000);
    expect(taken(bucket, 2000, 1, 9_500)).toBe(0);
    expect(taken(bucket, 2000, 1, 10_100)).toBe(100);
  });

  it('is one for four threads that take from it at once, whoever asks most', async () => {
    const memory = new SharedArrayBuffer(4);
    const file = new URL('./take-tokens.ts', import.meta.url);
    const shares = [100_000, 20_000, 5_000, 300];
    const counts = await Promise.all(
      shares.map(
        (asks) =>
          new Promise<number>((resolve, reject) => {
            const worker = new Worker(file, { workerData: { memory, rate: 1000, capacity: 50_000, asks, now: 7_000 } });
            worker.once('message', resolve).once('error', reject);
          }),
      ),
    );
    expect(counts.reduce((a, b) => a + b)).toBe(50_000);
  }, 30_000);
});
