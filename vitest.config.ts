import { defineConfig } from 'vitest/config';

/** The stories of the path, told again with more than one shard. */
const withShards = (shards: number) => ({
  extends: true as const,
  test: { name: `${shards} shards`, include: ['test/path/**/*.test.ts'], env: { SHARDS: String(shards) } },
});

/** `make test`: everything that needs Node alone. */
export default defineConfig({
  test: {
    reporters: ['default', './tools/closing-line.ts'],
    pool: 'forks',
    // A test waits up to 30 s for what it waits for, and says then what was missing.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    projects: [
      { extends: true, test: { name: 'tests', include: ['test/**/*.test.ts'], exclude: ['test/integration/**'] } },
      withShards(2),
      withShards(4),
    ],
  },
});
