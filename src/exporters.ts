import { randomInt } from 'node:crypto';
import { exporterFiles } from './certificates.ts';
import { systemClock } from './clock.ts';
import type { LiveFiles } from './config/live-files.ts';
import type { BootConfig } from './config/schema.ts';
import { UsageError } from './errors.ts';
import { createOtlpExporter, openOtlpExporter } from './export/export.ts';
import type { Exporter, ExportFailure } from './model/export-request.ts';
import { partsOf } from './model/tenant.ts';
import { openFiles } from './open-files.ts';
import type { Health } from './store/store.ts';
import type { TempoApi } from './store/tempo-api.ts';
import { FailureLog } from './telemetry/failure-log.ts';
import { type Log, limitLog } from './telemetry/log.ts';
import type { TlsClient } from './tls-client/files.ts';

const logEveryMs = 10_000;
const attemptWrites = 3;
/** Of what waits for the store; at least two batches, whatever their size. */
const storeQueueBytes = 64 * 1024 * 1024;

export interface Exporters {
  readonly exporters: Exporter[];
  /** Their certificates and keys, which are read while they run. */
  readonly files: readonly LiveFiles<TlsClient>[];
  /** The embedded store's read API, where the boot file names one. */
  readonly tempo: TempoApi | undefined;
  /** Why nothing that is kept can go anywhere, in one line; empty where it can. */
  notReady(): string;
  /** Writes to the log what it still holds back of failures; to be called when they have drained. */
  flushFailures(): void;
}

/**
 * The exporters that the boot file names; what goes wrong in them is said in the log. Throws UsageError where they are
 * stores and none can be opened: a gateway would acknowledge spans and lose them all.
 */
export async function openExporters(
  { export: configs, batch, tenants }: Pick<BootConfig, 'export' | 'batch' | 'tenants'>,
  log: Log,
): Promise<Exporters> {
  const failureLogs: FailureLog[] = [];
  const exporters: Exporter[] = [];
  const files: LiveFiles<TlsClient>[] = [];
  let tempo: TempoApi | undefined;
  const parts = tenants && partsOf(tenants);
  for (const config of configs) {
    const limited = limitLog(log, logEveryMs, systemClock.monotonicMs);
    const onError = (message: string): void => limited.warn('export_error', { exporter: config.name }, message);
    const failures = new FailureLog(log, config.name, (run) => void setTimeout(run, logEveryMs).unref());
    failureLogs.push(failures);
    const reports = { onError, onFailure: (failure: ExportFailure): void => failures.failed(failure) };
    if ('store' in config) {
      // Loaded where it is asked for: a gateway that only forwards needs no database.
      const { createStore } = await import('./store/store.ts');
      const { createTempoApi } = await import('./store/tempo-api.ts');
      const store = await createStore({
        name: config.name,
        ...config.store,
        ...reports,
        ...(parts && { tenants: parts }),
        health: healthLog(config.name, log, limited),
        queueBytes: Math.max(storeQueueBytes, 2 * batch.maxBytes),
      });
      tempo ??= createTempoApi(store.read);
      exporters.push(store);
    } else if ('kafka' in config) {
      const { KafkaClient } = await import('./kafka/export.ts');
      const client = new KafkaClient(config.kafka, randomInt(2 ** 31), config.tenantHeader);
      // Its own timeout is that of a write, of which a request may need several.
      const otlp = { timeoutMs: attemptWrites * config.kafka.timeoutMs, compression: 'none' } as const;
      exporters.push(createOtlpExporter({ ...config, otlp }, client, { ...reports, ...(parts && { tenants: parts }) }));
    } else {
      const named = exporterFiles(config);
      const live = named && (await openFiles(named, log));
      if (live) files.push(live);
      exporters.push(
        await openOtlpExporter(config, {
          ...reports,
          ...(parts && { tenants: parts }),
          ...(live && { tls: () => live.value }),
        }),
      );
    }
  }
  const notReady = (): string => whyNone(exporters);
  if (notReady() !== '') {
    for (const each of files) each.stop();
    for (const exporter of exporters) await exporter.drain(systemClock.monotonicMs());
    throw new UsageError(notReady());
  }
  const flushFailures = (): void => {
    for (const failures of failureLogs) failures.flush();
  };
  return { exporters, files, tempo, notReady, flushFailures };
}

/** A destination that is away will come back, and what is kept waits in a queue meanwhile; a store has none on disk. */
function whyNone(exporters: readonly Exporter[]): string {
  if (exporters.length === 0 || !exporters.every(({ stats }) => stats.failing)) return '';
  return exporters.map(({ name, stats }) => `${name}: ${stats.failing}`).join('; ');
}

function healthLog(exporter: string, log: Log, limited: Log): Health {
  let failingSince: number | undefined;
  return {
    failing: (reason) => {
      failingSince ??= systemClock.monotonicMs();
      limited.error('store_failing', { exporter }, `${reason}; what is kept for it is lost until it works again`);
    },
    recovered: () => {
      const seconds = Math.round((systemClock.monotonicMs() - (failingSince ?? systemClock.monotonicMs())) / 1000);
      failingSince = undefined;
      log.info('store_recovered', { exporter, seconds });
    },
    setAside: (message) => log.error('store_set_aside', { exporter }, message),
  };
}
