import { availableParallelism, totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import { certificateBlocks } from './certificates.ts';
import { systemClock, unixMsOf } from './clock.ts';
import { wholeCores } from './config/container-limits.ts';
import { doesWith } from './config/fleet.ts';
import { placeOf } from './config/last-good.ts';
import { createLiveRules } from './config/live.ts';
import type { LiveFiles } from './config/live-files.ts';
import { whyItDoesNotFit } from './config/memory-fit.ts';
import type { RulesLayer } from './config/rules.ts';
import { rulesSources } from './config/rules-sources.ts';
import type { BootConfig } from './config/schema.ts';
import { openCredentials } from './credentials.ts';
import { deliveries } from './delivered.ts';
import { deadlines, drain, type Losses, totalOf } from './drain.ts';
import { explained } from './explained.ts';
import { openExporters } from './exporters.ts';
import { FanOut } from './fan-out.ts';
import { gatherStats, watchMemory } from './gateway-stats.ts';
import { ProcessMemory } from './memory-account.ts';
import type { ExportRequest } from './model/export-request.ts';
import type { RulesDocument } from './model/rules.ts';
import { type Tenant, tenantsOf } from './model/tenant.ts';
import { type OfPorts, openPortFiles } from './open-files.ts';
import { AdminAccess } from './telemetry/admin-access.ts';
import { EventLimit } from './telemetry/event-limit.ts';
import { type Log, limitLog } from './telemetry/log.ts';
import { RefusalLog } from './telemetry/refusal-log.ts';
import type { AdminSources, OwnAnswers } from './telemetry/sources.ts';
import { type CheckedRules, checking, type RulesSetting } from './threads/checking-rules.ts';
import { readRulesAside } from './threads/rules-aside.ts';
import type { Addresses, OfProtocols, RulesRevision, ShardConfig, ShardEvents, Shards } from './threads/shards.ts';
import { shardsFor } from './threads/shards-for.ts';

export interface Gateway {
  readonly addresses: Addresses & { readonly admin: NonNullable<Addresses['grpc']> };
  readonly shards: number;
  /**
   * Resolves when a shard has died, which the log says: with it went spans that were acknowledged, and the process must
   * end.
   */
  readonly died: Promise<void>;
  readonly shutdownTimeoutMs: number;
  /** Reads the rules, certificates, keys, and the files of tokens and passwords again, now. */
  reload(): void;
  /** Drains within `shutdown_timeout`; what was acknowledged and is lost. */
  stop(): Promise<Losses>;
}

const { monotonicMs: now } = systemClock;
const logEveryMs = 10_000;
/** How often a policy is told of whose condition has no value. */
const faultsEveryMs = 60_000;
const pressureEveryMs = 200;
/** A shard that has not looked for due traces for so long stands still. */
const longestStallMs = 10_000;

/** Files of any kind that change while the gateway runs. */
type Live = Pick<LiveFiles<unknown>, 'reload' | 'status' | 'stop' | 'value'>;

/**
 * The composition root: builds every part by hand. They listen from the far end to the near one, so that nothing is
 * taken before it can leave, and stop the other way round. Throws UsageError, with nothing left running, when one
 * cannot start.
 */
export async function startGateway(config: BootConfig, version: string, log: Log): Promise<Gateway> {
  const startedAt = now();
  const undo: (() => unknown)[] = [];
  warnOfMemory(config, log);
  try {
    const liveFiles: Live[] = [];
    const stopFiles = (): void => {
      for (const files of liveFiles) files.stop();
    };
    undo.unshift(stopFiles);
    const certificates = await openPortFiles(certificateBlocks(config), log);
    liveFiles.push(...new Set(Object.values(certificates)));
    const rules = await liveRules(config, log);
    undo.unshift(() => rules.stop());
    await rules.start();
    const credentials = await openCredentials(config, log);
    liveFiles.push(...new Set(Object.values(credentials)));

    const fleet = config.cluster && (await (await import('./open-fleet.ts')).openFleet(config, log));
    if (fleet !== undefined) {
      liveFiles.push(...fleet.files);
      undo.unshift(() => fleet.stop());
    }

    // Threads load their modules while this one loads what follows; nothing comes before they are told to listen.
    let fanOut: FanOut;
    const emit = (request: ExportRequest, reuse: () => void): void => fanOut.emit(request, reuse);
    const { promise: died, resolve: die } = Promise.withResolvers<void>();
    const ofPorts = () => ({
      senders: valuesOf(credentials),
      tls: valuesOf(certificates),
      ...(fleet && { fleet: fleet.config() }),
    });
    let delivered = async (_shard: number): Promise<boolean> => false;
    const refusals = new RefusalLog(log, (run) => void setTimeout(run, logEveryMs).unref());
    const events: ShardEvents = {
      emit,
      delivered: (shard) => delivered(shard),
      refused: (sum) => refusals.refused(sum),
      ...shardEvents(log, die),
      ...(fleet?.events ?? alone),
    };
    const shards = await openShards(config, ofPorts, rules.current, events);
    undo.unshift(() => shards.end());
    const { kubernetes } = config.enrich;
    const pods = kubernetes && (await import('./known-pods.ts')).knowPods(kubernetes, shards, log);
    undo.unshift(() => pods?.stop());
    rules.onSwap((revision) => shards.swap(revision));
    for (const [port, whom] of Object.entries(portNames) as [keyof typeof portNames, string][]) {
      credentials[port]?.onChange(whom, (changed) => shards.renewSenders(port, changed));
      certificates[port]?.onChange(whom, (changed) => shards.renewTls(port, changed));
    }

    const { exporters, files, tempo, flushFailures, notReady: whyNoExporter } = await openExporters(config, log);
    liveFiles.push(...files);
    const tellHeldBack = (): void => {
      flushFailures();
      refusals.flush();
    };
    void died.then(tellHeldBack);
    fanOut = new FanOut(exporters);
    delivered = deliveries(shards, fanOut);
    const tenants = tenantsOf(config.tenants);
    const names = tenants.map(({ name }) => name);
    const tellPressure = (): void => shards.exportQueue(fanOut.pressure(now(), names));
    const telling = setInterval(tellPressure, pressureEveryMs).unref();
    undo.unshift(() => clearInterval(telling));
    undo.unshift(() => Promise.all(exporters.map((exporter) => exporter.drain(now()))));

    const restorer = exporters.length > 0 ? await openRestorer(config, fanOut, tenants) : undefined;

    const memory = new ProcessMemory(config.memoryLimitBytes ?? null);
    let notReady = 'starting';
    const { createAdminServer } = await import('./telemetry/server.ts');
    const ofStore: AdminSources['tempo'] =
      tempo && ((method, url, accept, over, { name }) => tempo.handle(method, url, accept, over, name));
    const window = await openWindow(config, ofStore, shards, {
      today: () => rules.current.document,
      fileFields: () => rules.fileFields,
      members: () => Math.max(1, fleet?.fleet.lists.inForce.members.length ?? 1),
    });
    const readApi = window?.readApi ?? ofStore;
    const exporterNames = config.export.map(({ name }) => name);
    const own: OwnAnswers = {
      ...(window && { keep: window.keep, simulate: window.simulate }),
      explain: (id, { index }, over) =>
        explained({ shards, hasWindow: window !== undefined, exporters: exporterNames }, id, index, over),
      ...(readApi && { tempo: readApi }),
    };
    const wide = fleet && (await import('./fleet-wide/open.ts')).openFleetWide(config, fleet, own);
    const adminAccess = new AdminAccess(credentials.admin?.value, config.admin.auth?.clientSubjects);
    credentials.admin?.onChange('the admin port', (changed) => adminAccess.renew(changed));
    credentials.cluster?.onChange('the admin port', (changed) => adminAccess.renewMembers(changed));
    if (credentials.cluster) adminAccess.renewMembers(credentials.cluster.value);
    const adminTls = certificates.admin?.value;
    const admin = createAdminServer({
      endpoint: config.admin.endpoint,
      ...(adminTls && { tls: adminTls }),
      hosts: config.admin.hosts,
      access: adminAccess,
      log,
      sources: {
        ...wide,
        identity: {
          version,
          environment: config.environment,
          shards: shards.count,
          ...(config.tenants && { tenantHeader: config.tenants.header }),
          startedAt: unixMsOf(startedAt, systemClock),
        },
        ...(config.tenants && { tenants: config.tenants }),
        uptimeMs: () => now() - startedAt,
        stats: () =>
          gatherStats({
            shards,
            tenants,
            fanOut,
            memory,
            rules: () => rules.status(),
            files: liveFiles,
            kubernetes: pods?.stats(),
            admin: adminAccess,
            fleet: wide?.stats(),
            restorer,
          }),
        ...own,
        ...(restorer && { restore: (request, tenant) => restorer.take(request, tenant) }),
        notReady: () => notReady || whyNoExporter(),
        notLive: () => standsStill(shards),
        hasStore: tempo !== undefined,
      },
    });
    const adminAddress = await admin.start();
    undo.unshift(() => admin.stop());
    certificates.admin?.onChange('the admin port', (changed) => admin.renew(changed));
    await fleet?.join(shards, adminAddress.port);
    const addresses = { ...(await shards.start()), admin: adminAddress };
    await fleet?.start(addresses.cluster);
    await watchMemory({ shards, memory });
    notReady = '';

    const stop = async (): Promise<Losses> => {
      const endMs = now() + config.shutdownTimeoutMs;
      notReady = 'shutting down';
      clearInterval(telling);
      shards.exportQueue(names.map(() => 0));
      log.info('draining', { deadlineMs: config.shutdownTimeoutMs });
      // Traces that began here end here, and others go to the other gateways.
      await fleet?.leave(shards, config.shutdownTimeoutMs);
      const losses = await drain({ shards, fanOut, clock: systemClock }, endMs - now());
      await fleet?.stop();
      tellHeldBack();
      rules.stop();
      pods?.stop();
      stopFiles();
      const ended = Promise.all([shards.end(), admin.stop(), rules.saved()]);
      await deadlines(systemClock)(ended, Math.max(endMs, now() + 100));
      const lostSpans = totalOf(losses);
      log[lostSpans > 0 ? 'error' : 'info']('stopped', { lostSpans, ...(lostSpans > 0 && { lost: losses }) });
      return losses;
    };
    const reload = (): void => {
      rules.reload();
      for (const files of liveFiles) void files.reload();
    };
    const { shutdownTimeoutMs } = config;
    return { addresses, shards: shards.count, shutdownTimeoutMs, died, reload, stop };
  } catch (error) {
    for (const part of undo) await part();
    throw error;
  }
}

/** What is asked of the window, where there is one. */
async function openWindow(
  config: BootConfig,
  ofStore: AdminSources['tempo'],
  shards: Shards,
  rules: {
    readonly today: () => RulesDocument;
    readonly fileFields: () => RulesLayer['fields'] | undefined;
    readonly members: () => number;
  },
) {
  if (config.window.maxBytes === 0) return undefined;
  const { WindowSearch } = await import('./window-search.ts');
  const { withWindow } = await import('./window-traces.ts');
  const { keeper } = await import('./keep-traces.ts');
  const { simulator } = await import('./simulations.ts');
  const search = new WindowSearch(shards, config.tenants);
  return {
    readApi: withWindow(ofStore, search, shards, config.tenants),
    keep: keeper(shards, search, systemClock),
    simulate: simulator({ config, shards, clock: systemClock, ...rules }),
  };
}

/** Loaded with the gateway, since it counts: the books must have been read with it from the start. */
async function openRestorer({ receive, export: exporters }: BootConfig, fanOut: FanOut, tenants: readonly Tenant[]) {
  const { TraceRestorer } = await import('./restore-traces.ts');
  return new TraceRestorer(fanOut, {
    limits: receive,
    hasWhen: exporters.map(({ when }) => when !== undefined),
    tenants,
  });
}

/** Before there is any load: later the system ends the process without a word. */
function warnOfMemory(config: BootConfig, log: Log): void {
  const { memoryLimitBytes: limitBytes } = config;
  const heapLimitBytes = getHeapStatistics().heap_size_limit;
  const why = whyItDoesNotFit(config, { limitBytes, totalBytes: totalmem(), heapLimitBytes });
  if (why !== '') log.warn('memory_too_small', { limitBytes: limitBytes ?? totalmem() }, why);
}

async function liveRules(config: BootConfig, log: Log) {
  const { environment, traceDebug: debug, dataDirectory } = config;
  const place: RulesSetting = { environment, debug, tenants: config.tenants?.each.map(({ name }) => name) ?? [] };
  return createLiveRules<CheckedRules>({
    ...(await rulesSources(config)),
    environment,
    maxBytes: config.rules.maxBytes,
    debug,
    compile: checking(place),
    readAside: (texts, over) => readRulesAside({ texts, place }, over),
    policyNames: ({ names }) => names,
    lastGoodFile: `${dataDirectory}/rules.last-good.json`,
    place: placeOf(config.rules.consul?.client ?? {}),
    clock: systemClock,
    // Where nothing is decided there are none that anybody could change.
    log: (level, message, fields) => {
      if (doesWith(config) === 'decides') log[level]('rules', fields, message);
    },
  });
}

/** In this thread where there is one shard, else in a thread each; what is not used is not loaded. */
async function openShards(
  config: BootConfig,
  ofPorts: () => Pick<ShardConfig, 'senders' | 'tls' | 'fleet'>,
  rules: RulesRevision,
  events: ShardEvents,
): Promise<Shards> {
  const count = shardsFor(config, wholeCores(availableParallelism()));
  const { environment, traceDebug, receive, tenants, kafka, buffer, window, batch, enrich, redact } = config;
  const whens = config.export.map(({ when }) => when);
  const destinations = whens.some((when) => when !== undefined) ? whens : undefined;
  const given = { ...(tenants && { tenants }), ...(kafka && { kafka }), ...(destinations && { destinations }) };
  const own = { environment, traceDebug, receive, ...given, buffer, window, batch, enrich, redact };
  // Files may change while modules are loaded: what ports are opened with is asked for behind that.
  const each = (): ShardConfig => ({ ...own, ...ofPorts() });
  if (count === 1) {
    const { LocalShard } = await import('./threads/local-shard.ts');
    const now = each();
    const Fleet = now.fleet && (await import('./threads/fleet-part.ts')).FleetPart;
    return new LocalShard(now, rules, events, undefined, Fleet);
  }
  const { ShardThreads } = await import('./threads/shard-threads.ts');
  return new ShardThreads(count, each(), rules, events);
}

/** As the files of the receivers' ports say now. */
const valuesOf = <T>({ grpc, http, cluster }: OfPorts<LiveFiles<T>>): OfProtocols<T> => ({
  ...(grpc && { grpc: grpc.value }),
  ...(http && { http: http.value }),
  ...(cluster && { cluster: cluster.value }),
});

/** As the log has them. */
const portNames = { grpc: 'the gRPC port', http: 'the HTTP port', cluster: 'the port of the fleet' } as const;

/** Nobody is there to be heard of. */
const alone: Pick<ShardEvents, 'heard' | 'unreachable'> = { heard: () => {}, unreachable: () => {} };

/** What shards say of themselves, for the log. */
function shardEvents(
  log: Log,
  die: () => void,
): Omit<ShardEvents, 'emit' | 'delivered' | 'refused' | keyof typeof alone> {
  const limited = limitLog(log, logEveryMs, now);
  const faultLimit = new EventLimit(faultsEveryMs);
  return {
    fault: (error) => limited.error('receive_error', { err: error }),
    kafka: (level, fields, message) => limited[level]('kafka', fields, message),
    // A shard says each reason as rarely as it should be read.
    lost: (reason, spans) => log.error('spans_lost', { reason, spans }, 'spans could not be written: a defect'),
    full: (protocol) =>
      limited.warn(
        'connections_full',
        { protocol },
        'as many connections as may be (receive.max_connections): idle ones go',
      ),
    overload: (shard, { rung, name, cause, keepsOneIn }, tenant) => {
      const where = { shard, ...(tenant !== '' && { tenant }), rung };
      if (rung === 0) log.info('overload', where, 'back to normal');
      else log.warn('overload', { ...where, cause, keepsOneIn }, `overload: ${name}`);
    },
    conditionFault: ({ policy, condition, why }, tenant) => {
      const suppressed = faultLimit.admit(`${tenant} ${policy}`, now());
      if (suppressed === undefined) return;
      const where = { policy, ...(tenant !== '' && { tenant }), condition, why, ...(suppressed > 0 && { suppressed }) };
      log.warn('condition_without_value', where, 'a condition of the rules has no value of spans that come');
    },
    died: (shard, error) => {
      log.error('shard_died', { shard, reason: (error as Error)?.message ?? String(error), err: error });
      die();
    },
  };
}

function standsStill(shards: Shards): string {
  const { shard, stalledMs } = shards.slowest();
  return stalledMs > longestStallMs ? `shard ${shard} has stood still for ${Math.floor(stalledMs / 1000)} s` : '';
}
