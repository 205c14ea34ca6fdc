import { sumOf } from '../model/memory.ts';
import type { Outcome } from '../model/outcome.ts';
import { outcomes } from '../model/outcome.ts';
import type { GatewayIdentity, GatewayStats, KafkaStats, TenantStats } from '../model/stats.ts';

/**
 * The answer of /api/status. Times are ISO 8601, null where something never happened; bytes and seconds as the names
 * say. The books are DESIGN.md's D8, with the names that the metrics have.
 */
export function statusOf(identity: GatewayIdentity, stats: GatewayStats, uptimeMs: number) {
  return {
    version: identity.version,
    environment: identity.environment,
    uptimeSeconds: Math.floor(uptimeMs / 1000),
    shards: identity.shards,
    silentShards: stats.silentShards ?? [],
    overload: stats.overload,
    rules: rulesOf(stats),
    buffer: bufferOf(stats),
    window: stats.window,
    memory: { ...stats.memory, sumBytes: sumOf(stats.memory.parts) },
    export: stats.exporters.map(({ name, stats: exporter }) => ({
      name,
      queueBytes: exporter.queuedBytes,
      failing: exporter.failing ?? '',
      lastError: exporter.lastError,
      lastSuccessAt: isoTime(exporter.lastSuccessAt),
    })),
    books: booksOf(stats),
    ...(stats.kafka && { kafka: kafkaOf(stats.kafka) }),
    ...(stats.tenants && { tenantHeader: identity.tenantHeader, tenants: stats.tenants.map(tenantOf) }),
  };
}
export type Status = ReturnType<typeof statusOf>;

/** `error`: what is wrong now, else empty. */
function kafkaOf({ written, read }: KafkaStats) {
  return {
    ...(written && {
      written: { heldBytes: written.heldBytes, failedRecords: written.failedRecords, error: written.lastError },
    }),
    ...(read && {
      read: {
        connected: read.connected,
        paused: read.paused,
        lagMessages: total(Object.values(read.lag)),
        setAside: read.poison,
        error: read.lastError,
      },
    }),
  };
}

function rulesOf({ rules }: GatewayStats) {
  const { revision, hash, source, modifyIndex, policies, debug, lastRefusal } = rules;
  return {
    revision,
    hash,
    source,
    modifyIndex,
    loadedAt: isoTime(rules.loadedAt),
    policies,
    debug,
    sourceAgeSeconds: rules.sourceAgeSeconds,
    sourceError: rules.sourceError,
    follows: rules.follows ?? rules.source,
    sourceIndex: rules.sourceIndex ?? 0,
    sourceRefusal: rules.sourceRefusal ?? '',
    by: rules.written?.by ?? null,
    writtenAt: rules.written?.at ?? null,
    why: rules.written?.why ?? null,
    lastRefusal: lastRefusal && {
      at: isoTime(lastRefusal.at),
      error: lastRefusal.error,
      settled: rules.lastLoadSucceeded,
    },
  };
}

function bufferOf({ buffer, waiting }: Pick<GatewayStats, 'buffer' | 'waiting'>) {
  const { bytes, limitBytes, oldestSeconds } = buffer;
  return { bytes, limitBytes, traces: waiting.traces, spans: waiting.spans, oldestSeconds };
}

/**
 * received = kept + dropped + late_kept + late_dropped + produced + forwarded + rejected + invalid + lost + waiting, in
 * spans,
 * and for each exporter kept + late_kept = exported + queued + failed + elsewhere. Traces do not add up so: one with late spans counts under `late_*` as well.
 */
export function booksOf(stats: GatewayStats) {
  const spans = spansOf(stats);
  const exporters = exportersOf(stats, spans.kept + spans.late_kept);
  return {
    balanced: spans.balanced && exporters.every((exporter) => exporter.balanced),
    spans,
    traces: { ...sums(stats, 'traces'), waiting: stats.waiting.traces },
    exporters,
  };
}

/** What of it is one tenant's. */
function tenantOf(tenant: TenantStats) {
  const spans = spansOf(tenant);
  return {
    name: tenant.name,
    overload: tenant.overload,
    buffer: bufferOf(tenant),
    window: tenant.window,
    books: { balanced: spans.balanced, spans, traces: { ...sums(tenant, 'traces'), waiting: tenant.waiting.traces } },
  };
}

function spansOf(stats: Pick<GatewayStats, 'received' | 'outcomes' | 'waiting'>) {
  const received = total(Object.values(stats.received).map((it) => it.spans));
  const left = sums(stats, 'spans');
  const waiting = stats.waiting.spans;
  return { received, ...left, waiting, balanced: received === total(Object.values(left)) + waiting };
}

function exportersOf({ exporters, batching }: GatewayStats, kept: number) {
  return exporters.map(({ name, stats }) => {
    const queued = stats.queuedSpans + (batching?.spans ?? 0);
    const failed = total(Object.values(stats.failedSpans));
    const elsewhere = stats.elsewhereSpans ?? 0;
    return {
      name,
      kept,
      exported: stats.exportedSpans,
      queued,
      failed,
      ...(elsewhere > 0 && { elsewhere }),
      balanced: kept === stats.exportedSpans + queued + failed + elsewhere,
    };
  });
}

function sums(stats: Pick<GatewayStats, 'outcomes'>, unit: 'spans' | 'traces'): Record<Outcome, number> {
  const result = Object.fromEntries(outcomes.map((outcome) => [outcome, 0])) as Record<Outcome, number>;
  for (const it of stats.outcomes) result[it.outcome] += it[unit];
  return result;
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

function isoTime(unixMs: number): string | null {
  return unixMs === 0 ? null : new Date(unixMs).toISOString();
}
