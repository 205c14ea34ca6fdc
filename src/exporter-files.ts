import { FileProblem, LiveFiles, type LiveFilesOptions } from './config/live-files.ts';
import type { OtlpExporterConfig } from './export/options.ts';
import type { Log } from './telemetry/log.ts';
import { type TlsClient, type TlsTexts, tlsClient } from './tls-client/files.ts';

/** The certificates and keys that an exporter reaches its destination with; undefined where it names none. */
export function exporterFiles({
  name,
  otlp: { tls },
}: OtlpExporterConfig): Omit<LiveFilesOptions<TlsClient>, 'tell'> | undefined {
  if (tls === undefined) return undefined;
  return {
    block: `export ${name}: otlp.tls`,
    paths: tls.files as Readonly<Record<string, string>>,
    reloadIntervalMs: tls.reloadIntervalMs,
    parse: (texts) => tlsClient(textsOf(texts), tls, (text, message) => new FileProblem(`${text}_file`, message)),
  };
}

/** Reads them. Throws UsageError where a file is no good. */
export async function openExporterFiles(
  config: OtlpExporterConfig,
  log: Log,
): Promise<LiveFiles<TlsClient> | undefined> {
  const files = exporterFiles(config);
  return (
    files &&
    (await LiveFiles.open({
      ...files,
      tell: (level, message) => log[level]('files', { files: files.block }, message),
    }))
  );
}

const textsOf = (texts: Readonly<Record<string, string>>): TlsTexts =>
  Object.fromEntries(Object.entries(texts).map(([key, text]) => [key.replace(/_file$/, ''), text]));
