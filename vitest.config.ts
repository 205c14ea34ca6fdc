import { defineConfig } from 'vitest/config';

/** Stories of whole processes that last long: told in vitest.real.config.ts, where there is time for them. */
export const longStories = [
  'test/process/{container,overload,searches,shard-trouble,shards,simulate,start-stop,tls-crowd,window}.test.ts',
  'test/export/tls-rotation.test.ts',
  'test/decide/weights.test.ts',
];

/** The stories of the path, told again with more than one shard. */
const withShards = (shards: number) => ({
  extends: true as const,
  test: { name: `${shards} shards`, include: ['test/path/**/*.test.ts'], env: { SHARDS: String(shards) } },
});

/** The stories of the receivers, told again with TLS between them and their clients. */
const overTls = {
  extends: true as const,
  test: {
    name: 'tls',
    include: [
      'test/conformance/*.test.ts',
      'test/receive/{access,arriving,checked-access,silence,stop-receiving}.test.ts',
      'test/receive/grpc/side-calls.test.ts',
    ],
    // The hostile ones wait for thousands of handshakes: they are told in vitest.real.config.ts.
    exclude: ['test/conformance/{proto,grpc-hostile}.test.ts'],
    env: { TLS: '1' },
  },
};

/** `make test`: everything that needs Node alone. */
export default defineConfig({
  test: {
    reporters: ['default', './tools/closing-line.ts'],
    pool: 'forks',
    // A test waits up to 30 s for what it waits for, and says then what was missing.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Many wait for processes and clocks: a third one uses what two leave of two cores.
    maxWorkers: 3,
    projects: [
      {
        extends: true,
        test: { name: 'tests', include: ['test/**/*.test.ts'], exclude: ['test/integration/**', ...longStories] },
      },
      overTls,
      withShards(2),
      withShards(4),
    ],
  },
});
