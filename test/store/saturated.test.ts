import { expect, it } from 'vitest';
import { temporaryDirectory } from './fixture.ts';
import { bytesIn, mebibyte } from './open-parts.ts';
import { batch, close, idle, open } from './open-store.ts';

it('a store that gets more than it can write stays within max_bytes', { timeout: 60_000 }, async () => {
  using home = temporaryDirectory();
  const maxBytes = 16 * mebibyte;
  const { store } = await open(home.path, { maxBytes });
  let most = 0;
  const look = (): void => void (most = Math.max(most, bytesIn(home.path)));
  for (let i = 0; i < 120; i++)
    store.offer(batch(...Array.from({ length: 1000 }, (_, n) => ({ trace: `${i} ${n}`, id: `${n}` }))), look);
  await idle(store);
  expect(most).toBeGreaterThan(maxBytes / 2);
  expect(most).toBeLessThan(maxBytes);
  expect(store.stats.failedSpans).toEqual({});
  await close(store);
});
