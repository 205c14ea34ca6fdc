import { execFile, execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export type OtlpProtocol = 'grpc' | 'http/protobuf' | 'http/json';

/** What a client says that it sent. */
export interface Said {
  readonly beganUnixNano: string;
  readonly traces: Record<string, { readonly traceId: string; readonly spanIds: readonly string[] }>;
}

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** How each client is run from the folder that tools/clients/setup.sh made. */
const commands = {
  python: (folder: string) => [`${folder}/bin/python`, path('python/send.py')],
  go: (folder: string) => [`${folder}/send`],
  node: () => [process.execPath, path('node/send.cjs')],
};
export type ClientName = keyof typeof commands;

/** Where a client is installed; undefined, with a line on stderr, where it is not. In CI that is an error. */
export function findClient(name: ClientName | 'envoy'): string | undefined {
  const setup = path('../../../tools/clients/setup.sh');
  try {
    return execFileSync(setup, ['--path', name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  } catch (error) {
    if (process.env.CI === 'true') throw error;
    process.stderr.write(`SKIPPED: ${(error as { stderr: string }).stderr}`);
    return undefined;
  }
}

interface Telling {
  readonly protocol: OtlpProtocol;
  readonly compression: string;
  readonly endpoint: string;
  /** More OTEL_… variables. */
  readonly variables?: Readonly<Record<string, string>>;
}

/**
 * Lets a client tell the story to `endpoint`, in requests of at most 8 spans; `complaints` is all that its SDK logged.
 */
export function tell(
  name: ClientName,
  folder: string,
  { protocol, compression, endpoint, variables = {} }: Telling,
): Promise<{ said: Said; complaints: string }> {
  const [command, ...args] = commands[name](folder);
  const env = {
    PATH: process.env.PATH ?? '',
    NODE_PATH: `${folder}/node_modules`,
    OTEL_SERVICE_NAME: `story in ${name}`,
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
    // the specification's "none" is refused by some of them, nothing by none
    ...(compression !== 'none' && { OTEL_EXPORTER_OTLP_COMPRESSION: compression }),
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '8',
    ...variables,
  };
  return new Promise((resolve, reject) => {
    execFile(command, [...args, path('story.json')], { env, timeout: 60_000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${name}: ${error.message}\n${stderr}`));
      else resolve({ said: JSON.parse(stdout) as Said, complaints: stderr });
    });
  });
}
