import { FileProblem } from './config/live-files.ts';
import type { BootConfig } from './config/schema.ts';
import type { OtlpExporterConfig } from './export/options.ts';
import type { FilesBlock, OfPorts } from './open-files.ts';
import { type ServerCredentials, serverCredentials } from './receive/server-credentials.ts';
import { type TlsClient, type TlsTexts, tlsClient } from './tls-client/files.ts';

/** The certificates and keys of each port that is for TLS. */
export function certificateBlocks({
  receive,
  cluster,
  admin,
}: Pick<BootConfig, 'receive' | 'cluster' | 'admin'>): OfPorts<FilesBlock<ServerCredentials>> {
  const ports = [
    ['grpc', receive.grpc?.tls],
    ['http', receive.http?.tls],
    ['cluster', cluster?.tls?.server],
    ['admin', admin.tls],
  ] as const;
  const parse: FilesBlock<ServerCredentials>['parse'] = (texts) =>
    serverCredentials(texts, (key, message) => new FileProblem(key, message));
  return Object.fromEntries(
    ports.flatMap(([port, tls]) => {
      // An agent shows a certificate where others ask for one, and nobody connects to it.
      if (tls?.files.cert_file === undefined) return [];
      const { block, files: paths, reloadIntervalMs } = tls as typeof tls & { files: Record<string, string> };
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

/** The certificates and keys that other gateways are reached with; undefined where they speak without TLS. */
export function memberFiles({ cluster }: Pick<BootConfig, 'cluster'>): FilesBlock<TlsTexts> | undefined {
  if (cluster?.tls === undefined) return undefined;
  const { block, files, serverName = '', reloadIntervalMs } = cluster.tls.client;
  const parse = (texts: Readonly<Record<string, string>>): TlsTexts => {
    const found = textsOf(texts);
    tlsClient(found, { serverName }, (text, message) => new FileProblem(`${text}_file`, message));
    return found;
  };
  return { block, paths: files as Readonly<Record<string, string>>, reloadIntervalMs, parse };
}
