import { defineConfig } from 'vitest/config';

/** `make test-real`: against real servers, SDKs of other languages and recorded traces. One file after the other: they share two cores. */
export default defineConfig({
  test: {
    include: ['test/integration/**/*.test.ts'],
    reporters: ['default', './tools/closing-line.ts'],
    pool: 'forks',
    testTimeout: 180_000,
    hookTimeout: 300_000,
    fileParallelism: false,
  },
});
