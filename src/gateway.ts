import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLiveRules } from './config/live.ts';
import { rulesSources } from './config/rules-sources.ts';
import type { BootConfig } from './config/schema.ts';
import { compileRules } from './decide/compile.ts';
import { Enricher } from './enrich/enrich.ts';
import { openExporters } from './exporters.ts';
import { gatherStats } from './gateway-stats.ts';
import type { Exporter, ExportRequest } from './model/export-request.ts';
import { Pipeline } from './pipeline.ts';
import { Admission } from './receive/admission.ts';
import { createGrpcReceiver } from './receive/grpc.ts';
import { createHttpReceiver } from './receive/http.ts';
import type { Endpoint, Receiver } from './receive/receiver.ts';
import { ReceiveStats } from './receive/stats.ts';
import { type Log, limitLog } from './telemetry/log.ts';
import { createAdminServer } from './telemetry/server.ts';
import { Ticker } from './ticker.ts';

export interface Gateway {
  readonly addresses: { readonly grpc?: Endpoint; readonly http?: Endpoint; readonly admin: Endpoint };
  /** Reads the rules again, now. */
  reload(): void;
  /** Drains within `shutdown_timeout`; true when nothing that was acknowledged is lost. */
  stop(): Promise<boolean>;
}

const now = Date.now;
/** Traces decided at a stretch: less than a millisecond's worth. */
const tracesPerStep = 200;
const logEveryMs = 10_000;

/**
 * The composition root: builds every part by hand. They start from the far end to the near one, so that nothing is taken
 * before it can leave, and stop the other way round. Throws UsageError, with nothing left running, when one cannot start.
 */
export async function startGateway(config: BootConfig, version: string, log: Log): Promise<Gateway> {
  const startedAt = now();
  const undo: (() => unknown)[] = [];
  const started = <T>(part: T, stop: (part: T) => unknown): T => {
    undo.unshift(() => stop(part));
    return part;
  };
  try {
    const rules = started(liveRules(config, log), (live) => live.stop());
    await rules.start();
    const { exporters, tempo } = await openExporters(config.export, log);
    for (const exporter of exporters) started(exporter, (part) => part.drain(now()));
    const enricher = new Enricher({ ...config.enrich, redact: config.redact });
    const offer = (request: ExportRequest): void => {
      for (const exporter of exporters) exporter.offer(request);
    };
    const { buffer, batch } = config;
    const pipeline = new Pipeline({ buffer, batch, seed: randomInt(2 ** 31) }, rules.current, enricher, offer, now);
    rules.onSwap(({ set, name }) => pipeline.swap(set, name));
    const ticker = started(new Ticker(() => pipeline.tick(tracesPerStep)), (part) => part.stop());

    const admission = new Admission(config.receive);
    const refused = new ReceiveStats();
    let stopping = false;
    const stats = () =>
      gatherStats({
        pipeline,
        enricher,
        exporters,
        admission,
        refused: refused.refused,
        rules: () => rules.status(),
        now,
      });
    const admin = createAdminServer({
      endpoint: config.admin.endpoint,
      log,
      sources: {
        identity: { version, environment: config.environment, shards: 1, startedAt },
        stats,
        explain: (id) => pipeline.explain(id),
        notReady: () => (stopping ? 'shutting down' : ''),
        notLive: () => (ticker.stalledMs() > 30_000 ? 'no decision turn for 30 s' : ''),
        ...(tempo && { tempo: (method: string, url: URL, accept: string) => tempo.handle(method, url, accept) }),
      },
    });
    const adminAddress = await admin.start();
    started(admin, (part) => part.stop());

    const receivers: Receiver[] = [];
    const ports = { intake: pipeline, admission, stats: refused, onError: receiveErrors(log) };
    const { grpc, http } = config.receive;
    const listen = async (receiver: Receiver): Promise<Endpoint> => {
      const address = await receiver.start();
      receivers.push(started(receiver, (part) => part.drain(now())));
      return address;
    };
    const serving = (): boolean => !stopping;
    const addresses = {
      ...(grpc && { grpc: await listen(createGrpcReceiver({ ...grpc, ...ports, serving })) }),
      ...(http && { http: await listen(createHttpReceiver({ ...http, ...ports })) }),
      admin: adminAddress,
    };

    const stop = async (): Promise<boolean> => {
      stopping = true;
      const deadline = now() + config.shutdownTimeoutMs;
      log.info('draining', { waitingSpans: pipeline.shard.buffer.spans, deadlineMs: config.shutdownTimeoutMs });
      // A sender that never finishes its request must not use up the time of what others were promised.
      const lastRequestAt = now() + config.shutdownTimeoutMs / 3;
      await Promise.all(receivers.map((receiver) => receiver.drain(lastRequestAt)));
      ticker.stop();
      await decideAll(pipeline, exporters, deadline);
      await Promise.all(exporters.map((exporter) => exporter.drain(deadline)));
      rules.stop();
      await admin.stop();
      const lost = exporters.reduce((sum, { stats }) => sum + (stats.failedSpans.shutdown ?? 0), 0);
      log[lost > 0 ? 'error' : 'info']('stopped', { lostSpans: lost });
      log.flush();
      return lost === 0;
    };
    return { addresses, reload: () => rules.reload(), stop };
  } catch (error) {
    for (const part of undo) await part();
    throw error;
  }
}

function liveRules(config: BootConfig, log: Log) {
  const { environment, traceDebug: debug, dataDirectory } = config;
  return createLiveRules({
    ...rulesSources(config),
    environment,
    debug,
    compile: (document, name) => {
      const result = compileRules(document, environment, { debug });
      return 'problems' in result ? result : { policies: { set: result.policies, name } };
    },
    policyNames: ({ set }) => set.policies.map((policy) => policy.name),
    lastGoodFile: `${dataDirectory}/rules.last-good.json`,
    now,
    log: (level, message, fields) => log[level]('rules', fields, message),
  });
}

const receiveErrors = (log: Log) => {
  const limited = limitLog(log, logEveryMs, now);
  return (error: unknown) => limited.error('receive_error', { err: error });
};

/** Decides what waits no faster than the exporters take it, so that their queues never overflow; at the deadline at once. */
async function decideAll(pipeline: Pipeline, exporters: readonly Exporter[], deadlineMs: number): Promise<void> {
  while (pipeline.drain(100)) {
    while (exporters.some(({ stats }) => stats.queuedBytes > stats.queueLimitBytes / 2) && now() < deadlineMs)
      await sleep(5);
    await sleep(0);
  }
}
