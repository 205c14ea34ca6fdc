import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A folder with a boot file and rules of a test's own, and its data; it outlives the gateways that are started on it.
 */
export interface Home {
  readonly directory: string;
  /** The boot file: `startGatewayProcess({ args: ['--config', file] })`. */
  readonly file: string;
  readonly args: string[];
  readonly rulesFile: string;
  rules(text: string): void;
  [Symbol.dispose](): void;
}

/**
 * `boot` is laid over the least that a gateway needs; addresses come from the variables that `startGatewayProcess`
 * sets.
 */
export function makeHome(boot: Record<string, unknown>, rules: string): Home {
  const directory = mkdtempSync(join(tmpdir(), 'tailgate-home-'));
  const file = join(directory, 'gateway.yaml');
  const rulesFile = join(directory, 'rules.yaml');
  const text = {
    // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
    trace_debug: '${env:TRACE_DEBUG:-0}',
    shards: '${env:TAILGATE_SHARDS:-auto}',
    receive: { grpc: { endpoint: '${env:TAILGATE_GRPC}' }, http: { endpoint: '${env:TAILGATE_HTTP}' } },
    admin: { endpoint: '${env:TAILGATE_ADMIN}' },
    // biome-ignore-end lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
    data_directory: join(directory, 'data'),
    export: [{ name: 'store', store: {} }],
    ...boot,
  };
  // JSON is YAML; but a number in quotes is none.
  writeFileSync(file, JSON.stringify(text, null, 2).replace(/(?<="shards": )"(.*)"/, '$1'));
  writeFileSync(rulesFile, rules);
  return {
    directory,
    file,
    args: ['--config', file],
    rulesFile,
    rules: (next) => writeFileSync(rulesFile, next),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** An OTLP/HTTP exporter to a sink. */
export const sinkExporter = (url: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  name: 'sink',
  otlp: { endpoint: url, protocol: 'http', compression: 'gzip', timeout: '5s' },
  retry: { initial: '50ms', max: '500ms' },
  ...more,
});
