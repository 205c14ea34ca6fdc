import { FileProblem, LiveFiles, type LiveFilesOptions } from './config/live-files.ts';
import type { BootConfig } from './config/schema.ts';
import { type ServerCredentials, serverCredentials } from './receive/server-credentials.ts';
import type { Log } from './telemetry/log.ts';

type Port = 'grpc' | 'http' | 'admin';
/** The files of one block of the boot file, and what they mean. */
type Block = Omit<LiveFilesOptions<ServerCredentials>, 'tell'>;

/** Of each port that is for TLS. */
export function certificateBlocks({
  receive,
  admin,
}: Pick<BootConfig, 'receive' | 'admin'>): Partial<Record<Port, Block>> {
  const ports = [
    ['grpc', receive.grpc?.tls],
    ['http', receive.http?.tls],
    ['admin', admin.tls],
  ] as const;
  const parse: Block['parse'] = (texts) => serverCredentials(texts, (key, message) => new FileProblem(key, message));
  return Object.fromEntries(
    ports.flatMap(([port, tls]) => {
      if (tls === undefined) return [];
      const { block, files: paths, reloadIntervalMs } = tls;
      return [[port, { block, paths, reloadIntervalMs, parse }]];
    }),
  );
}

/** The certificates of the ports that are for TLS. Files that two ports share are read once. */
export class Certificates {
  readonly #ports: ReadonlyMap<Port, LiveFiles<ServerCredentials>>;
  readonly all: readonly LiveFiles<ServerCredentials>[];

  /** Throws UsageError where a file is no good. */
  static async open({ receive, admin }: Pick<BootConfig, 'receive' | 'admin'>, log: Log): Promise<Certificates> {
    const blocks = new Map<string, LiveFiles<ServerCredentials>>();
    const ports = new Map<Port, LiveFiles<ServerCredentials>>();
    for (const [port, files] of Object.entries(certificateBlocks({ receive, admin })) as [Port, Block][]) {
      const { block } = files;
      const tell = (level: 'info' | 'warn', message: string) => log[level]('files', { files: block }, message);
      const live = blocks.get(block) ?? (await LiveFiles.open({ ...files, tell }));
      blocks.set(block, live);
      ports.set(port, live);
    }
    return new Certificates(ports, [...blocks.values()]);
  }

  private constructor(
    ports: ReadonlyMap<Port, LiveFiles<ServerCredentials>>,
    all: readonly LiveFiles<ServerCredentials>[],
  ) {
    this.#ports = ports;
    this.all = all;
  }

  /** As they are now; undefined where the port is not for TLS. */
  of(port: Port): ServerCredentials | undefined {
    return this.#ports.get(port)?.value;
  }

  onChange(port: Port, listener: (credentials: ServerCredentials) => void): void {
    this.#ports.get(port)?.onChange(listener);
  }

  /** Looks at the files now. */
  reload(): void {
    for (const files of this.all) void files.reload();
  }

  stop(): void {
    for (const files of this.all) files.stop();
  }
}
