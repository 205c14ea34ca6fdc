import { systemClock } from './clock.ts';
import type { BootConfig } from './config/schema.ts';
import { openOtlpExporter } from './export/export.ts';
import type { Exporter } from './model/export-request.ts';
import type { TempoApi } from './store/tempo-api.ts';
import { type Log, limitLog } from './telemetry/log.ts';

const logEveryMs = 10_000;
/** Of what waits for the store; at least two batches, whatever their size. */
const storeQueueBytes = 64 * 1024 * 1024;

/** The exporters that the boot file names, and the embedded store's read API where it names one. */
export async function openExporters(
  { export: configs, batch }: Pick<BootConfig, 'export' | 'batch'>,
  log: Log,
): Promise<{ exporters: Exporter[]; tempo: TempoApi | undefined }> {
  const exporters: Exporter[] = [];
  let tempo: TempoApi | undefined;
  for (const config of configs) {
    const limited = limitLog(log, logEveryMs, systemClock.monotonicMs);
    const onError = (message: string): void => limited.warn('export_error', { exporter: config.name }, message);
    if ('store' in config) {
      // Loaded where it is asked for: a gateway that only forwards needs no database.
      const { createStore } = await import('./store/store.ts');
      const { createTempoApi } = await import('./store/tempo-api.ts');
      const store = await createStore({
        name: config.name,
        ...config.store,
        queueBytes: Math.max(storeQueueBytes, 2 * batch.maxBytes),
      });
      tempo ??= createTempoApi(store.read);
      exporters.push(store);
    } else exporters.push(await openOtlpExporter(config, { onError }));
  }
  return { exporters, tempo };
}
