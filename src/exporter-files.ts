import { FileProblem, LiveFiles } from './config/live-files.ts';
import type { OtlpExporterConfig } from './export/options.ts';
import type { Log } from './telemetry/log.ts';
import { type TlsClient, type TlsTexts, tlsClient } from './tls-client/files.ts';

/**
 * The certificates and keys that an exporter reaches its destination with; undefined where it names none. Throws
 * UsageError where a file is no good.
 */
export async function openExporterFiles(
  { name, otlp: { tls } }: OtlpExporterConfig,
  log: Log,
): Promise<LiveFiles<TlsClient> | undefined> {
  if (tls === undefined) return undefined;
  const block = `export ${name}: otlp.tls`;
  return await LiveFiles.open({
    block,
    paths: tls.files as Readonly<Record<string, string>>,
    reloadIntervalMs: tls.reloadIntervalMs,
    parse: (texts) => tlsClient(textsOf(texts), tls, (text, message) => new FileProblem(`${text}_file`, message)),
    tell: (level, message) => log[level]('files', { files: block }, message),
  });
}

const textsOf = (texts: Readonly<Record<string, string>>): TlsTexts =>
  Object.fromEntries(Object.entries(texts).map(([key, text]) => [key.replace(/_file$/, ''), text]));
