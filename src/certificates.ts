import { FileProblem } from './config/live-files.ts';
import type { BootConfig } from './config/schema.ts';
import type { OtlpExporterConfig } from './export/options.ts';
import type { FilesBlock, OfPorts } from './open-files.ts';
import { type ServerCredentials, serverCredentials } from './receive/server-credentials.ts';
import { type TlsClient, type TlsTexts, tlsClient } from './tls-client/files.ts';

/** The certificates and keys of each port that is for TLS. */
export function certificateBlocks({
  receive,
  admin,
}: Pick<BootConfig, 'receive' | 'admin'>): OfPorts<FilesBlock<ServerCredentials>> {
  const ports = [
    ['grpc', receive.grpc?.tls],
    ['http', receive.http?.tls],
    ['admin', admin.tls],
  ] as const;
  const parse: FilesBlock<ServerCredentials>['parse'] = (texts) =>
    serverCredentials(texts, (key, message) => new FileProblem(key, message));
  return Object.fromEntries(
    ports.flatMap(([port, tls]) => {
      if (tls === undefined) return [];
      const { block, files: paths, reloadIntervalMs } = tls;
      return [[port, { block, paths, reloadIntervalMs, parse }]];
    }),
  );
}

/** The certificates and keys that an exporter reaches its destination with; undefined where it names none. */
export function exporterFiles({ name, otlp: { tls } }: OtlpExporterConfig): FilesBlock<TlsClient> | undefined {
  if (tls === undefined) return undefined;
  return {
    block: `export ${name}: otlp.tls`,
    paths: tls.files as Readonly<Record<string, string>>,
    reloadIntervalMs: tls.reloadIntervalMs,
    parse: (texts) => tlsClient(textsOf(texts), tls, (text, message) => new FileProblem(`${text}_file`, message)),
  };
}

const textsOf = (texts: Readonly<Record<string, string>>): TlsTexts =>
  Object.fromEntries(Object.entries(texts).map(([key, text]) => [key.replace(/_file$/, ''), text]));
