import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock, unixMsOf } from './clock.ts';
import { createLiveRules } from './config/live.ts';
import { rulesSources } from './config/rules-sources.ts';
import type { BootConfig } from './config/schema.ts';
import { compileRules } from './decide/compile.ts';
import { openExporters } from './exporters.ts';
import { gatherStats } from './gateway-stats.ts';
import type { Exporter, ExportRequest } from './model/export-request.ts';
import { type Log, limitLog } from './telemetry/log.ts';
import type { Addresses, RulesRevision, ShardEvents, Shards } from './threads/shards.ts';
import { shardsFor } from './threads/shards-for.ts';

export interface Gateway {
  readonly addresses: Addresses & { readonly admin: NonNullable<Addresses['grpc']> };
  readonly shards: number;
  /** Reads the rules again, now. */
  reload(): void;
  /** Drains within `shutdown_timeout`; true when nothing that was acknowledged is lost. */
  stop(): Promise<boolean>;
}

const { monotonicMs: now } = systemClock;
const logEveryMs = 10_000;
/** A shard that has not looked for due traces for so long will not come back. */
const stalledMs = 60_000;

/**
 * The composition root: builds every part by hand. They listen from the far end to the near one, so that nothing is taken
 * before it can leave, and stop the other way round. Throws UsageError, with nothing left running, when one cannot start.
 */
export async function startGateway(config: BootConfig, version: string, log: Log): Promise<Gateway> {
  const startedAt = now();
  const undo: (() => unknown)[] = [];
  try {
    const rules = await liveRules(config, log);
    undo.unshift(() => rules.stop());
    await rules.start();

    // Threads load their modules while this one loads what follows; nothing comes before they are told to listen.
    let offeredSpans = 0;
    const emit = (request: ExportRequest, reuse: () => void): void => {
      offeredSpans += request.spans;
      let users = exporters.length;
      const done = (): void => {
        if (--users === 0) reuse();
      };
      for (const exporter of exporters) exporter.offer(request, done);
    };
    const shards = await openShards(config, rules.current, { emit, fault: faults(log) });
    undo.unshift(() => shards.end());
    rules.onSwap((revision) => shards.swap(revision));

    const { exporters, tempo } = await openExporters(config.export, log);
    undo.unshift(() => Promise.all(exporters.map((exporter) => exporter.drain(now()))));

    let notReady = 'starting';
    const { createAdminServer } = await import('./telemetry/server.ts');
    const admin = createAdminServer({
      endpoint: config.admin.endpoint,
      hosts: config.admin.hosts,
      log,
      sources: {
        identity: {
          version,
          environment: config.environment,
          shards: shards.count,
          startedAt: unixMsOf(startedAt, systemClock),
        },
        uptimeMs: () => now() - startedAt,
        stats: () => gatherStats({ shards, exporters, offeredSpans: () => offeredSpans, rules: () => rules.status() }),
        explain: async (id) => shards.explain(id),
        notReady: () => notReady,
        notLive: () => (shards.stalledMs() > stalledMs ? `no decision turn for ${stalledMs / 1000} s` : ''),
        ...(tempo && { tempo: (method: string, url: URL, accept: string) => tempo.handle(method, url, accept) }),
      },
    });
    const adminAddress = await admin.start();
    undo.unshift(() => admin.stop());
    const addresses = { ...(await shards.start()), admin: adminAddress };
    notReady = '';

    const stop = async (): Promise<boolean> => {
      notReady = 'shutting down';
      const deadline = now() + config.shutdownTimeoutMs;
      log.info('draining', { deadlineMs: config.shutdownTimeoutMs });
      // A sender that never finishes its request must not use up the time of what others were promised.
      await shards.stopReceiving(now() + config.shutdownTimeoutMs / 3);
      await decideAll(shards, exporters, deadline);
      await Promise.all(exporters.map((exporter) => exporter.drain(deadline)));
      rules.stop();
      await shards.end();
      await admin.stop();
      const lost = exporters.reduce((sum, { stats }) => sum + (stats.failedSpans.shutdown ?? 0), 0);
      log[lost > 0 ? 'error' : 'info']('stopped', { lostSpans: lost });
      log.flush();
      return lost === 0;
    };
    return { addresses, shards: shards.count, reload: () => rules.reload(), stop };
  } catch (error) {
    for (const part of undo) await part();
    throw error;
  }
}

async function liveRules(config: BootConfig, log: Log) {
  const { environment, traceDebug: debug, dataDirectory } = config;
  return createLiveRules<RulesRevision & { readonly names: readonly string[] }>({
    ...(await rulesSources(config)),
    environment,
    debug,
    compile: (document, name) => {
      const result = compileRules(document, environment, { debug });
      if ('problems' in result) return result;
      return { policies: { document, name, names: result.policies.policies.map((policy) => policy.name) } };
    },
    policyNames: ({ names }) => names,
    lastGoodFile: `${dataDirectory}/rules.last-good.json`,
    clock: systemClock,
    log: (level, message, fields) => log[level]('rules', fields, message),
  });
}

/** In this thread where there is one shard, else in a thread each; what is not used is not loaded. */
async function openShards(config: BootConfig, rules: RulesRevision, events: ShardEvents): Promise<Shards> {
  const count = shardsFor(config, availableParallelism());
  const { environment, traceDebug, receive, buffer, batch, enrich, redact } = config;
  const path = { environment, traceDebug, receive, buffer, batch, enrich, redact };
  if (count === 1) return new (await import('./threads/local-shard.ts')).LocalShard(path, rules, events);
  const { ShardThreads } = await import('./threads/shard-threads.ts');
  return new ShardThreads(count, path, rules, events);
}

const faults = (log: Log) => {
  const limited = limitLog(log, logEveryMs, now);
  return (error: unknown) => limited.error('receive_error', { err: error });
};

/** Decides what waits no faster than the exporters take it, so that their queues never overflow; at the deadline at once. */
async function decideAll(shards: Shards, exporters: readonly Exporter[], deadlineMs: number): Promise<void> {
  const isFull = () => exporters.some(({ stats }) => stats.queuedBytes > stats.queueLimitBytes / 2);
  while (await shards.decide(100)) {
    while (isFull() && now() < deadlineMs) await sleep(5);
    await sleep(0);
  }
}
