import { defineConfig } from 'vitest/config';
import { longStories } from './vitest.config.ts';

/** `make test-real`: against real servers, SDKs of other languages and recorded traces. One file after the other: they share two cores. */
export default defineConfig({
  test: {
    reporters: ['default', './tools/closing-line.ts'],
    pool: 'forks',
    testTimeout: 180_000,
    hookTimeout: 300_000,
    fileParallelism: false,
    projects: [
      { extends: true, test: { name: 'real', include: ['test/integration/**/*.test.ts'] } },
      { extends: true, test: { name: 'long', include: longStories } },
      { extends: true, test: { name: 'tls', include: ['test/conformance/grpc-hostile.test.ts'], env: { TLS: '1' } } },
    ],
  },
});
